// Package ops is how an operator sees the bot: health, metrics, and what it is doing at this moment, over HTTP.
//
// It promises:
//   - No page shows what people or models write, and none shows a secret: ids, times and figures only.
//   - A page never waits for Slack, and at most 2 s for the store or the model server; what costs them something is asked at most every 5 s.
//   - /livez takes the locks of the bot: a bot that is stuck does not answer.
//   - Labels of metrics are bounded: no id, no name and no text of others is one, but for the name and version of the program.
//
// Package bot and its neighbours know no metrics library: they call hooks, which are methods of [Metrics].
package ops
