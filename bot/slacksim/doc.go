// Package slacksim is a Slack workspace on this machine. It is an http.Handler that speaks Slack's
// Web API and Socket Mode so well that a bot cannot tell the difference, and it is strict where
// Slack is strict (token types, scopes, lengths, rate limits). It is for tests of bots: llmbot's
// own, and those of others, in Go through this package and in any language through `llmbot
// slacksim`.
//
// # A test with it
//
// [Serve] makes a workspace at an address of this machine; [New] makes one without a network, for
// tests that use the handler themselves. The bot gets its three variables from [Server.Env]. The
// test speaks as people do ([Sim.Say], [Sim.Edit], [Sim.Command], [Sim.Click], [Sim.SubmitView])
// and waits for what people see ([Sim.Wait] with [Sim.Replies], [Sim.Channel], [Sim.Ephemerals],
// [Sim.Home], [Sim.View]).
//
// Two things only an emulator can show. [Sim.Fail], [Sim.FailEvent], [Sim.Disconnect], [Sim.Cut]
// and [Sim.HalfOpen] make Slack misbehave as it does in earnest: 429, an answer that never comes,
// an event twice, a socket that is refreshed or only seems alive. Knobs change how it is while it
// runs: [Sim.SetLatency], [Sim.SetLimiter], [Sim.RefuseEdits], [Sim.LoseAcks], [Sim.CutOne],
// [Sim.Redeliver]. And [Sim.Calls], [Sim.Envelopes],
// [Sim.Notified] and [Sim.Unfurled] tell what the bot did to Slack: which calls it made and which
// were refused, which events it did not ack, whom it pinged, which addresses Slack would have
// fetched; [Sim.Budgets] tells how much of each rate limit is used. The page shows the same in a
// panel beside the chat.
//
// # What it promises
//
//   - Every wait is a timer, a channel or a context, so the whole workspace runs inside a
//     testing/synctest bubble.
//   - One mutex owns all state; nothing is sent on a network while it is held.
//   - [Sim.Close] returns when every goroutine that the workspace started, and every request that
//     it served, has ended.
//   - Only programs of this machine may send requests, and no page of another site, unless
//     [Config.Open] and [Config.Hosts] allow more.
//   - What somebody without a token sends is bounded in bytes and time, and leaves nothing behind.
//   - What [Config.Folder] keeps is on disk soon after it was said (0.2 s on a quick disk), and at
//     the latest when [Sim.Close] returns.
//   - With the same [Config.Seed] the random choices (which socket, which event first) come in the
//     same order.
//
// # How true it is
//
// It shares no code with the bot or with its Slack library, so that it cannot share their mistakes.
// Apps on Slack's own SDKs run on it unchanged in CI (.ci/clients). docs/slacksim.md lists what is
// emulated, with the source of each point and its test, what is a guess because Slack does not
// document it, and what is missing. A comment at the code names each guess, too.
package slacksim
