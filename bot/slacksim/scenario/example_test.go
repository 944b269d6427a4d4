package scenario_test

import (
	"fmt"

	"llmbot/bot/slacksim/scenario"
)

// All that is wrong with a scenario is reported at once.
func ExampleParse() {
	_, err := scenario.Parse("hello.yaml", []byte(`
steps:
  - say: {as: alise, in: general, text: "@llm hello", id: question}
  - expect:
      reply: {to: questoin, contains: hello}
`))
	fmt.Println(err)
	// Output:
	// hello.yaml:3: say.as: there is no person "alise"
	//     is alice meant? known are: alice, bob, carol, gina, erik, deploybot
	// hello.yaml:5: reply.to: no earlier step has the id "questoin"
	//     is question meant? known are: question
}
