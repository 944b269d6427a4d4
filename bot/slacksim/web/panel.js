// What Slack sees, as a panel beside the chat.

// start begins with what hooks.js offers.
export function start(ctx) {}
