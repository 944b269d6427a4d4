// What the apps on Slack's JavaScript SDKs do, whoever brings them their events.

export const slackApiUrl = process.env.SLACK_API_URL;

const button = (id, text) => ({ type: 'button', action_id: id, text: { type: 'plain_text', text } });

// mention answers one mention.
export async function mention(client, event, teamId) {
  const { channel, user, text } = event;
  const thread_ts = event.thread_ts ?? event.ts;
  const to = { channel, thread_ts };
  const stream = () => client.chatStream({ ...to, recipient_user_id: user, recipient_team_id: event.team ?? teamId });
  const has = (word) => text.includes(word);
  if (has('hello')) {
    const posted = await client.chat.postMessage({ ...to, text: 'hello' });
    await client.chat.update({ channel, ts: posted.ts, text: `hello <@${user}>` });
    const thread = await client.conversations.replies({ channel, ts: thread_ts });
    if (thread.messages.length < 2) throw new Error(`the thread has ${thread.messages.length} messages`);
  } else if (has('markdown')) {
    await client.chat.postMessage({ ...to, text: 'a title', blocks: [{ type: 'markdown', text: '# A title\n\n**bold** and `code`' }] });
  } else if (has('stream')) {
    const s = stream();
    for (const word of 'one two three '.repeat(40).split(' ')) await s.append({ markdown_text: `${word} ` });
    await s.stop();
  } else if (has('chunks')) { // nothing is left over for the end
    const s = stream();
    await s.append({ chunks: [{ type: 'markdown_text', text: 'all of it' }] });
    await s.stop({ blocks: [{ type: 'context', elements: [{ type: 'mrkdwn', text: 'the end' }] }] });
  } else if (has('button')) {
    await client.chat.postMessage({ ...to, text: 'press', blocks: [{ type: 'actions', elements: [button('go', 'Go')] }] });
  } else if (has('file')) {
    await client.files.uploadV2({ channel_id: channel, thread_ts, filename: 'notes.txt', content: 'from the app', initial_comment: 'here' });
  } else if (has('secret')) {
    await client.chat.postEphemeral({ channel, user, text: 'only for you' });
  } else if (has('react')) {
    await client.reactions.add({ channel, timestamp: event.ts, name: 'eyes' });
  }
}

// message reads the files of a message.
export async function message(client, event) {
  for (const file of event.files ?? []) {
    if (event.bot_id) return;
    const got = await fetch(file.url_private, { headers: { Authorization: `Bearer ${process.env.SLACK_BOT_TOKEN}` } });
    await client.chat.postMessage({ channel: event.channel, thread_ts: event.thread_ts ?? event.ts, text: `${file.name}: ${await got.text()}` });
  }
}

// respond answers at a response_url.
export async function respond(url, body) {
  const res = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (!res.ok) throw new Error(`response_url: ${res.status} ${await res.text()}`);
}

export const form = {
  type: 'modal', callback_id: 'form', title: { type: 'plain_text', text: 'A form' }, submit: { type: 'plain_text', text: 'Send' },
  blocks: [{ type: 'input', block_id: 'name', label: { type: 'plain_text', text: 'Name' }, element: { type: 'plain_text_input', action_id: 'name' } }],
};

// submitted returns what is wrong with a form, and shows it if nothing is.
export async function submitted(client, view, channel) {
  const name = view.state.values.name.name.value;
  if (name === 'bad') return { name: 'not this one' };
  await client.chat.postMessage({ channel, text: `the form says ${name}` });
  return undefined;
}

// home shows the Home tab.
export async function home(client, event) {
  if (event.tab !== 'home') return;
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'welcome home' } }] } });
}
