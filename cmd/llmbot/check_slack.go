package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"llmbot/bot/slackio"
)

const (
	// From skewBad on messages of ours may not be recognised: package slackio allows for as much.
	skewBad  = 5 * time.Second
	skewFine = time.Second
	ourPart  = 2 // sockets that a bot opens
)

// slack looks at tokens, scopes, clock and socket, and says what only a person can look at.
func (c *checker) slack(ctx context.Context, bot runningBot) {
	cfg := slackio.Config{
		AppToken: string(c.cfg.AppToken), BotToken: string(c.cfg.BotToken), APIURL: c.cfg.SlackURL,
		HTTP: slackClient(), Log: slog.New(slog.DiscardHandler),
	}
	defer cfg.HTTP.CloseIdleConnections()
	missing := map[string]problem{}
	for _, p := range c.cfg.tokens() {
		missing[p.about()] = p
	}
	if p, bad := missing["SLACK_BOT_TOKEN"]; bad {
		c.fail("bot token", p.what, p.hint)
	} else {
		c.botToken(ctx, cfg)
		c.channelNames(ctx, cfg)
	}
	app := appID(cfg.AppToken)
	if _, bad := missing["SLACK_BOT_TOKEN"]; app == "" && bot.found && !bad { // else the socket tells
		app = slackio.AppOf(ctx, cfg)
	}
	if p, bad := missing["SLACK_APP_TOKEN"]; bad {
		c.fail("app token", p.what, p.hint)
	} else if link, ok := c.appToken(ctx, cfg); ok {
		if hello := c.socket(ctx, cfg, link, bot); hello.App != "" {
			app = hello.App
		}
	}
	c.unseen(app, bot)
}

const slackAway = "HTTPS and WebSockets to slack.com must get out of here (HTTPS_PROXY is honoured); SLACK_API_URL is for GovSlack and emulators only."

// botToken looks at the bot token and at what its answer tells besides.
func (c *checker) botToken(ctx context.Context, cfg slackio.Config) {
	b, err := slackio.CheckBot(ctx, cfg)
	if err != nil {
		c.failed("bot token", err, slackAway)
		return
	}
	c.ok("bot token", "@%s (%s) in %s", b.Self.Name, b.Self.User, b.Self.TeamName)
	c.scopes(b)
	c.clock(b)
}

// clock compares the clocks.
func (c *checker) clock(b slackio.BotCheck) {
	off := b.Ahead.Abs().Round(100 * time.Millisecond)
	way := "behind"
	if b.Ahead < 0 {
		way = "ahead of"
	}
	switch {
	case !b.Timed:
		c.ok("clock", "not compared: the answer had no date")
	case off >= skewBad:
		c.warn("clock", fmt.Sprintf("this machine is %s %s Slack", off, way), "Set the clock, and keep it right with NTP (timedatectl set-ntp true).")
	case off > skewFine:
		c.ok("clock", "this machine is %s %s Slack", off, way)
	default:
		c.ok("clock", "within a second of Slack's")
	}
}

// scopes compares what was granted with the manifest.
func (c *checker) scopes(b slackio.BotCheck) {
	wanted := wantedScopes(c.cfg.Command)
	if b.Scopes == nil {
		c.look("scopes", "Slack did not say which are granted", "OAuth & Permissions, Bot Token Scopes: "+strings.Join(wanted, ", "))
		return
	}
	lacking := lackingScopes(wanted, b.Scopes)
	for _, scope := range lacking {
		c.fail("scope", fmt.Sprintf("%s is not granted: needed %s", scope, scopeFor(scope)), scopeNext)
	}
	if len(lacking) == 0 {
		c.ok("scopes", "all %d of the manifest", len(wanted))
	}
}

// scopeNext is what to do when a scope is not granted.
const scopeNext = "App Manifest: paste what `llmbot manifest` prints, save; then Install App, Reinstall to Workspace."

// wantedScopes returns those of the manifest.
func wantedScopes(command string) []string { return appManifest("llm", command).OAuth.Scopes.Bot }

// lackingScopes returns those of wanted that are not granted.
func lackingScopes(wanted, granted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(scope string) bool { return slices.Contains(granted, scope) })
}

// warnOfScopes logs which scopes of the manifest are not granted, if Slack says which are: without
// them the bot runs, and some things just do not happen.
func warnOfScopes(ctx context.Context, log *slog.Logger, command string, granted []string) {
	if len(granted) == 0 {
		return
	}
	for _, scope := range lackingScopes(wantedScopes(command), granted) {
		log.WarnContext(ctx, "scope_missing", "scope", scope, "needed", scopeFor(scope), "hint", scopeNext)
	}
}

// scopeFor returns what a scope is for (docs/slack-app.md).
func scopeFor(scope string) string {
	switch kind, what, _ := strings.Cut(scope, ":"); {
	case kind == "app_mentions":
		return "to be told of mentions"
	case kind == "chat":
		return "to answer"
	case kind == "commands":
		return "for the slash command"
	case kind == "users":
		return "for names, and to know who is a guest"
	case kind == "files":
		return "to read attached files, pictures and voice clips"
	case what == "history":
		return "to read the thread it is asked in, and messages that questions link to"
	default:
		return "to know the channel, and who may see a message that is linked"
	}
}

func (c *checker) appToken(ctx context.Context, cfg slackio.Config) (link string, ok bool) {
	link, err := slackio.CheckApp(ctx, cfg)
	if err != nil {
		c.failed("app token", err, slackAway)
		return "", false
	}
	c.ok("app token", "may open sockets")
	return link, true
}

// socket checks whether a socket opens, and who else has one. It opens none beside a bot that runs
// here: Slack would give it events.
func (c *checker) socket(ctx context.Context, cfg slackio.Config, link string, bot runningBot) slackio.Hello {
	if bot.found {
		if bot.health.Sockets == 0 {
			c.fail("socket", "the bot that runs here has none open", "Look at its log: a proxy or firewall must let WebSockets out.")
		} else {
			c.ok("socket", "%d open in the bot that runs here", bot.health.Sockets)
		}
		c.beside(bot.health.Connections - max(bot.health.Sockets, ourPart))
		return slackio.Hello{}
	}
	hello, err := slackio.CheckSocket(ctx, cfg, link)
	if err != nil {
		c.failed("socket", err, "A proxy or firewall must let WebSockets out to *.slack.com; Socket Mode must be on (the app's page, Socket Mode).")
		return hello
	}
	c.ok("socket", "opened, greeted, closed")
	c.others(hello.Others)
	return hello
}

// beside tells about other programs than the bot that runs here. Slack counted sockets when that
// bot last opened one. The count may include the old connection of a socket that was being renewed.
func (c *checker) beside(n int) {
	if n == 1 {
		c.look("other programs", "Slack counted one connection more than the bot has: an old one of its own, or another program's",
			"To be sure, stop the bot and run the check again: it then asks Slack itself.")
		return
	}
	c.others(max(n, 0))
}

// others prints a warning about other programs on the same app token.
func (c *checker) others(n int) {
	switch {
	case n == 0:
		c.ok("other programs", "none uses this app token")
	case strings.HasPrefix(c.cfg.StateURL, "postgres"):
		c.ok("other programs", "%s with this app token: right if they are replicas of this bot", counted(n, "connection"))
	default:
		c.warn("other programs", counted(n, "more connection")+" with this app token: Slack gives each event to only one of them",
			"End the other program (one that was killed counts for a while yet), or make a second Slack app for one of the two.")
	}
}

// unseen tells where to look at what these tokens cannot see. Events that have come to a bot need
// no look.
func (c *checker) unseen(app string, bot runningBot) {
	at := func(page, title string) string {
		if app == "" {
			return "https://api.slack.com/apps → the app → " + title + ": "
		}
		return "https://api.slack.com/apps/" + app + "/" + page + ": "
	}
	if bot.asked {
		c.ok("events", "they come to the bot that runs here")
	} else {
		c.look("events", "these tokens can't tell whether they are subscribed",
			at("event-subscriptions", "Event Subscriptions")+"Enable Events is on, and Subscribe to bot events has "+strings.Join(appManifest("llm", c.cfg.Command).Settings.Events.Bot, ", "))
	}
	c.look("messages tab", "these tokens can't tell whether people may write to the bot directly",
		at("app-home", "App Home")+"Messages Tab is on, and \"Allow users to send Slash commands and messages\" is ticked")
	if bot.commands {
		c.ok("slash command", "it comes to the bot that runs here")
	} else {
		c.look("slash command", "these tokens can't tell whether it is there", at("slash-commands", "Slash Commands")+c.cfg.Command+" is listed (BOT_COMMAND)")
	}
}

// appID returns the id that an app token names; empty if it names none.
func appID(token string) string {
	parts := strings.Split(token, "-")
	if len(parts) > 2 && len(parts[2]) > 5 && parts[2][0] == 'A' && strings.ToUpper(parts[2]) == parts[2] {
		return parts[2]
	}
	return ""
}
