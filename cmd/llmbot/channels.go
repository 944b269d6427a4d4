package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"llmbot/bot"
)

// channelsPoll is how often the file is looked at: a mounted ConfigMap changes without a signal.
const channelsPoll = 2 * time.Second

// directKey is the entry of BOT_CHANNELS_FILE for direct messages.
const directKey = "direct"

// channelsFile is BOT_CHANNELS_FILE.
type channelsFile struct {
	Channels map[string]channelSettings `yaml:"channels"`
}

// channelSettings are what a channel may have of its own; what is missing is as for all channels.
type channelSettings struct {
	Prompt      *string  `yaml:"prompt"`
	Model       *string  `yaml:"model"`
	Temperature *float64 `yaml:"temperature"`
	FollowUps   *string  `yaml:"follow_ups"`
	Effort      *string  `yaml:"reasoning_effort"`
}

// parseChannels reads the file's text and reports all problems at once.
func parseChannels(text []byte) (channelsFile, error) {
	var f channelsFile
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f)
	if errors.Is(err, io.EOF) { // empty
		return f, nil
	}
	if err != nil {
		return f, errors.New(yaml.FormatError(err, false, true))
	}
	var bad []string
	clean := make(map[string]channelSettings, len(f.Channels))
	for key, c := range f.Channels {
		if c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2) {
			bad = append(bad, key+": temperature must be from 0 to 2")
		}
		if c.FollowUps != nil {
			switch bot.FollowUps(*c.FollowUps) {
			case bot.FollowSolo, bot.FollowAlways, bot.FollowMention:
			default:
				bad = append(bad, key+": follow_ups must be one of solo, always, mention")
			}
		}
		clean[strings.TrimPrefix(strings.TrimSpace(key), "#")] = c
	}
	f.Channels = clean
	if len(bad) > 0 {
		return f, errors.New(strings.Join(bad, "; "))
	}
	return f, nil
}

// channels are the settings of channels, which change while the bot runs. Its methods are safe for concurrent use.
type channels struct {
	path string
	log  *slog.Logger
	now  atomic.Pointer[channelsFile]
	text []byte // as last read; only load touches it
}

// openChannels reads the file. Without a path all channels are alike.
func openChannels(path string, log *slog.Logger) (*channels, error) {
	c := &channels{path: path, log: log}
	c.now.Store(&channelsFile{})
	if path == "" {
		return c, nil
	}
	if _, err := c.load(); err != nil {
		return nil, &configError{[]problem{{
			"BOT_CHANNELS_FILE cannot be used: " + err.Error(),
			"It is YAML such as: channels: {general: {prompt: Be brief., temperature: 0.2, follow_ups: always}}",
		}}}
	}
	return c, nil
}

// load reads the file if it has another text than before, and says so. A file that cannot be used changes nothing.
func (c *channels) load() (changed bool, err error) {
	text, err := os.ReadFile(c.path)
	if err != nil {
		return false, err
	}
	if c.text != nil && bytes.Equal(text, c.text) {
		return false, nil
	}
	c.text = text
	f, err := parseChannels(text)
	if err != nil {
		return true, fmt.Errorf("%s: %w", c.path, err)
	}
	c.now.Store(&f)
	return true, nil
}

// run loads the file anew at a SIGHUP and when it was changed, until ctx ends. A broken file keeps the old settings, and is said once.
func (c *channels) run(ctx context.Context) {
	if c.path == "" {
		return
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	poll := time.NewTicker(channelsPoll)
	defer poll.Stop()
	said := ""
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-hup:
			asked = true
		}
		changed, err := c.load()
		switch {
		case err != nil && (asked || err.Error() != said):
			said = err.Error()
			c.log.ErrorContext(ctx, "channels_file_broken", "error", err, "hint", "the settings from before stay; correct BOT_CHANNELS_FILE")
		case err == nil && (asked || changed):
			said = ""
			c.log.InfoContext(ctx, "channels_file_loaded", "channels", len(c.now.Load().Channels))
		}
	}
}

// settings are those of a channel, see bot.Config.
func (c *channels) settings(channel string, name func() string, base bot.Settings) bot.Settings {
	own, ok := c.find(channel, name)
	if !ok {
		return base
	}
	if own.Prompt != nil {
		base.System = *own.Prompt
	}
	if own.Model != nil {
		base.Model = *own.Model
	}
	if own.Temperature != nil {
		base.Temperature = own.Temperature
	}
	if own.FollowUps != nil {
		base.FollowUps = bot.FollowUps(*own.FollowUps)
	}
	if own.Effort != nil {
		base.Effort = *own.Effort
	}
	return base
}

// find looks for a channel by its id, then by its name.
func (c *channels) find(channel string, name func() string) (channelSettings, bool) {
	all := c.now.Load().Channels
	if len(all) == 0 {
		return channelSettings{}, false
	}
	if own, ok := all[channel]; ok {
		return own, true
	}
	if strings.HasPrefix(channel, "D") {
		own, ok := all[directKey]
		return own, ok
	}
	own, ok := all[name()]
	return own, ok
}
