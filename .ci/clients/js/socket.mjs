// An app on @slack/socket-mode and @slack/web-api, without Bolt.
import { SocketModeClient } from '@slack/socket-mode';
import { WebClient } from '@slack/web-api';
import { form, home, mention, message, respond, slackApiUrl, submitted } from './work.mjs';

const socket = new SocketModeClient({ appToken: process.env.SLACK_APP_TOKEN, clientOptions: { slackApiUrl } });
const client = new WebClient(process.env.SLACK_BOT_TOKEN, { slackApiUrl });
let channel;

const on = (name, f) => socket.on(name, (args) => f(args).catch((error) => console.log('[ERROR] app:', error)));

on('app_mention', async ({ ack, event, body }) => { await ack(); await mention(client, event, body.team_id); });
on('message', async ({ ack, event }) => { await ack(); await message(client, event); });
on('app_home_opened', async ({ ack, event }) => { await ack(); await home(client, event); });
on('slash_commands', async ({ ack, body }) => {
  if (body.command === '/form') {
    await ack();
    channel = body.channel_id;
    await client.views.open({ trigger_id: body.trigger_id, view: form });
    return;
  }
  await ack({ response_type: 'ephemeral', text: `ack: ${body.text}` });
  await respond(body.response_url, { response_type: 'in_channel', text: `later: ${body.text}` });
});
on('interactive', async ({ ack, body }) => {
  if (body.type === 'view_submission') {
    const errors = await submitted(client, body.view, channel);
    await ack(errors ? { response_action: 'errors', errors } : undefined);
    return;
  }
  await ack();
  await respond(body.response_url, { replace_original: true, text: `pressed by ${body.user.id}` });
});

await socket.start();
