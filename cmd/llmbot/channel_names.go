package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"llmbot/bot/slackio"
)

// namedChannels are the channels that one setting names, by id or name.
type namedChannels struct {
	setting string
	keys    []string
	costs   string // what it means that the bot is not in one of them
}

// mostNamed is how many channels one line of the log lists.
const mostNamed = 20

// channelsNamed returns the channels that the configuration names. A misspelt one has no effect,
// and nobody would see that.
func (c *Config) channelsNamed(file *channelsFile) []namedChannels {
	named := []namedChannels{{
		"BOT_CHANNELS_FILE", slices.Collect(maps.Keys(file.Channels)), "its settings have no effect",
	}, {
		"BOT_ALLOW_CHANNELS", c.AllowChannels, "nobody can ask there",
	}}
	if c.tools != nil {
		named = append(named, namedChannels{"BOT_TOOLS_FILE", c.tools.file.Channels(), "no tools are offered for it"})
	}
	for i := range named {
		keys := slices.Clone(named[i].keys)
		slices.Sort(keys)
		named[i].keys = slices.DeleteFunc(slices.Compact(keys), everywhere)
	}
	return slices.DeleteFunc(named, func(n namedChannels) bool { return len(n.keys) == 0 })
}

// everywhere reports whether a key is for more than one channel, or for one direct message.
func everywhere(key string) bool {
	return key == directKey || key == "*" || directID(key)
}

// directID reports whether a key is the id of a direct message, whose name Slack does not have.
func directID(key string) bool {
	return len(key) >= 9 && key[0] == 'D' && key == strings.ToUpper(key)
}

// absent returns those of the channels that are not known, each with what may be meant; empty:
// nothing is alike. known are names by id.
func (n namedChannels) absent(known map[string]string) (keys, meant []string) {
	var names []string
	for id, name := range known {
		names = append(names, id, name)
	}
	slices.Sort(names)
	for _, key := range n.keys {
		if !slices.Contains(names, key) {
			keys, meant = append(keys, key), append(meant, alike(key, names))
		}
	}
	return keys, meant
}

// inviteHint is the next step for a channel in which the bot is not.
const inviteHint = "Invite the bot there (/invite @llm), or correct the name: it is the channel's, without #, or its id."

func channelHint(meant string) string {
	if meant == "" {
		return inviteHint
	}
	return "Is " + meant + " meant? " + inviteHint
}

// channelNames looks whether the bot is in the channels that the configuration names.
func (c *checker) channelNames(ctx context.Context, cfg slackio.Config) {
	const check = "channels"
	file := &channelsFile{}
	if all, err := openChannels(c.cfg.ChannelsFile, slog.New(slog.DiscardHandler)); err == nil { // else told before
		file = all.now.Load()
	}
	named := c.cfg.channelsNamed(file)
	if len(named) == 0 {
		return
	}
	known, whole, err := slackio.CheckChannels(ctx, cfg)
	switch {
	case err != nil:
		c.failed(check, err, slackAway)
		return
	case !whole:
		c.ok(check, "not compared: the bot is in more than %d", len(known))
		return
	}
	good := true
	for _, n := range named {
		keys, meant := n.absent(known)
		for i, key := range keys {
			good = false
			c.warn(check, fmt.Sprintf("%q (%s) is no channel that the bot is in: %s", key, n.setting, n.costs), channelHint(meant[i]))
		}
	}
	if good {
		c.ok(check, "the bot is in all that the configuration names")
	}
}

// warnOfChannels logs in which of the named channels the bot is not: one line a setting.
func warnOfChannels(ctx context.Context, log *slog.Logger, cfg slackio.Config, named []namedChannels) {
	if len(named) == 0 {
		return
	}
	known, whole, err := slackio.CheckChannels(ctx, cfg)
	if err != nil || !whole {
		log.InfoContext(ctx, "channels_not_compared", "channels", len(known), "error", err)
		return
	}
	for _, n := range named {
		keys, meant := n.absent(known)
		if len(keys) == 0 {
			continue
		}
		hint := inviteHint
		if len(keys) == 1 {
			hint = channelHint(meant[0])
		}
		more := max(0, len(keys)-mostNamed)
		log.WarnContext(ctx, "channels_without_bot", "setting", n.setting, "channels", strings.Join(keys[:len(keys)-more], ","), "more", more, "hint", hint)
	}
}
