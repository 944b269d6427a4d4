// An app with the listeners of Slack's assistant template: a thread is opened, the context changes, a person writes, somebody gives
// feedback. In place of a model it has a few words.
import bolt from '@slack/bolt';
import { slackApiUrl } from './work.mjs';

const app = new bolt.App({ token: process.env.SLACK_BOT_TOKEN, appToken: process.env.SLACK_APP_TOKEN, socketMode: true, clientOptions: { slackApiUrl } });

const feedback = {
  type: 'context_actions',
  elements: [{
    type: 'feedback_buttons', action_id: 'feedback',
    positive_button: { text: { type: 'plain_text', text: 'Good' }, value: 'good' },
    negative_button: { text: { type: 'plain_text', text: 'Bad' }, value: 'bad' },
  }],
};
const loading_messages = ['Looking around…', 'Almost there, really…'];

async function think(streamer, question) {
  await streamer.append({ chunks: [{ type: 'task_update', id: '1', title: 'Rolling dice', status: 'in_progress' }] });
  await streamer.append({ chunks: [{ type: 'task_update', id: '1', title: 'Rolled dice', status: 'complete', output: 'a six' }] });
  for (const word of `you said ${question}`.split(' ')) await streamer.append({ markdown_text: `${word} ` });
  await streamer.stop({ blocks: [feedback] });
}

app.assistant(new bolt.Assistant({
  threadStarted: async ({ event, say, setSuggestedPrompts, saveThreadContext }) => {
    await say('Hi, how can I help?');
    await saveThreadContext();
    if (!event.assistant_thread.context.channel_id) {
      await setSuggestedPrompts({ title: 'Start here:', prompts: [{ title: 'Dice', message: 'Roll two dice.' }] });
    }
  },
  threadContextChanged: async ({ saveThreadContext }) => { await saveThreadContext(); },
  userMessage: async ({ client, context, message, getThreadContext, setTitle, setStatus }) => {
    await setTitle(message.text);
    await setStatus({ status: 'thinking...', loading_messages });
    if (message.text.includes('summary')) {
      const { channel_id } = await getThreadContext();
      let history;
      try {
        history = await client.conversations.history({ channel: channel_id, limit: 50 });
      } catch (e) {
        if (e.data.error !== 'not_in_channel') throw e;
        await client.conversations.join({ channel: channel_id });
        history = await client.conversations.history({ channel: channel_id, limit: 50 });
      }
      message.text = `${history.messages.length} messages`;
    }
    await client.conversations.replies({ channel: message.channel, ts: message.thread_ts, oldest: message.thread_ts });
    await think(client.chatStream({ channel: message.channel, thread_ts: message.thread_ts, recipient_team_id: context.teamId, recipient_user_id: context.userId }), message.text);
  },
}));
app.event('app_mention', async ({ event, client }) => {
  const thread_ts = event.thread_ts ?? event.ts;
  await client.assistant.threads.setStatus({ channel_id: event.channel, thread_ts, status: 'thinking...', loading_messages });
  await think(client.chatStream({ channel: event.channel, thread_ts, recipient_team_id: event.team, recipient_user_id: event.user }), event.text);
});
app.action('feedback', async ({ ack, body, client }) => {
  await ack();
  await client.chat.postEphemeral({ channel: body.channel.id, user: body.user.id, thread_ts: body.message.ts, text: `noted: ${body.actions[0].value}` });
});
app.error(async (error) => console.log('[ERROR] app:', error));

await app.start();
