// Package ops shows the bot to its operator over HTTP: its health, its metrics, and what it is
// doing at this moment.
//
// # Promises
//
//   - No page shows what people or models write, and none shows a secret: there are ids, times and
//     figures only.
//   - A page never waits for Slack, and waits at most 2 s for the store or the model server. They
//     are asked at most every 5 s.
//   - /livez takes the locks of the bot: a bot that is stuck does not answer.
//   - Labels of metrics are bounded. No id, no name and no text of others is a label, except the
//     name and version of the program.
//
// Package bot and its neighbours know no metrics library: they call hooks, which are methods of
// [Metrics].
package ops
