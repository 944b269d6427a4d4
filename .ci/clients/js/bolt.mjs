// An app on @slack/bolt. Nothing in it knows that Slack is emulated.
import bolt from '@slack/bolt';
import { form, home, mention, message, slackApiUrl, submitted } from './work.mjs';

const app = new bolt.App({ token: process.env.SLACK_BOT_TOKEN, appToken: process.env.SLACK_APP_TOKEN, socketMode: true, clientOptions: { slackApiUrl } });
let channel;

app.event('app_mention', ({ event, client, context }) => mention(client, event, context.teamId));
app.event('message', ({ event, client }) => message(client, event));
app.event('app_home_opened', ({ event, client }) => home(client, event));
app.command('/echo', async ({ command, ack, respond }) => {
  await ack({ response_type: 'ephemeral', text: `ack: ${command.text}` });
  await respond({ response_type: 'in_channel', text: `later: ${command.text}` });
});
app.command('/form', async ({ command, ack, client }) => {
  await ack();
  channel = command.channel_id;
  await client.views.open({ trigger_id: command.trigger_id, view: form });
});
app.view('form', async ({ ack, view, client }) => {
  const errors = await submitted(client, view, channel);
  await ack(errors ? { response_action: 'errors', errors } : undefined);
});
app.action('go', async ({ ack, respond, body }) => {
  await ack();
  await respond({ replace_original: true, text: `pressed by ${body.user.id}` });
});
app.error(async (error) => console.log('[ERROR] app:', error));

await app.start();
