// Package scenario plays a script in an emulated Slack workspace and tells whether the bot behaved.
// It is what `llmbot slacksim -scenario FILE` runs, for bots in any language.
//
// A scenario is a YAML file: who says what and when, which faults Slack has, and what people and
// Slack must see. docs/slacksim.md describes it for its users.
//
//	name: a mention is answered in its thread
//	steps:
//	  - say: {as: alice, in: general, text: "@llm hello", id: question}
//	  - expect:
//	      reply: {to: question, contains: hello}
//	finally:
//	  - notified: {count: 0}
//
// [Parse] reports all that is wrong with a file at once, each with its line and a hint.
// [Scenario.Run] plays the steps in order. A step that fails does not end the run: the next ones
// are tried, and only those are left out that need what the failed one would have brought. So one
// run shows everything that is wrong with a bot.
//
// Nothing here is a goroutine of its own: Run blocks until the end of its script or of its context,
// and waits with [slacksim.Sim.Wait], so it runs in a testing/synctest bubble too.
package scenario
