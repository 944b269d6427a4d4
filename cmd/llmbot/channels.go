package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/goccy/go-yaml"

	"llmbot/bot"
	"llmbot/bot/thread"
)

// mostYAMLError is how many bytes are shown of an error with the lines around it: a line may be
// long.
const mostYAMLError = 1000

// directKey is the entry of BOT_CHANNELS_FILE for direct messages.
const directKey = "direct"

// channelsFile is BOT_CHANNELS_FILE.
type channelsFile struct {
	Channels map[string]channelSettings `yaml:"channels"`
}

// channelSettings are a channel's own settings. What is missing is as for all channels.
type channelSettings struct {
	Prompt      *string  `yaml:"prompt"`
	Model       *string  `yaml:"model"`
	Temperature *float64 `yaml:"temperature"`
	FollowUps   *string  `yaml:"follow_ups"`
	Effort      *string  `yaml:"reasoning_effort"`

	AnswersPerMinute *whole `yaml:"answers_per_minute"`
	TokensPerDay     *whole `yaml:"tokens_per_day"`
}

// whole is a number of things. The decoder by itself takes 1.5 for 1.
type whole int

// UnmarshalYAML takes nothing but whole numbers.
func (w *whole) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	n, err := strconv.Atoi(fmt.Sprint(v))
	if _, quoted := v.(string); err != nil || quoted {
		return fmt.Errorf("%v is not a whole number", v)
	}
	*w = whole(n)
	return nil
}

// problems returns values that cannot work.
func (c *channelSettings) problems() (bad []string) {
	if c.Temperature != nil && !(*c.Temperature >= 0 && *c.Temperature <= 2) { // nor .nan
		bad = append(bad, "temperature must be from 0 to 2")
	}
	if c.FollowUps != nil {
		switch thread.FollowUps(*c.FollowUps) {
		case thread.FollowSolo, thread.FollowAlways, thread.FollowMention:
		default:
			bad = append(bad, "follow_ups must be one of solo, always, mention")
		}
	}
	if c.AnswersPerMinute != nil && *c.AnswersPerMinute < 0 {
		bad = append(bad, "answers_per_minute must be 0 (no limit) or more")
	}
	if c.TokensPerDay != nil && *c.TokensPerDay < 0 {
		bad = append(bad, "tokens_per_day must be 0 (no limit) or more")
	}
	return bad
}

// parseChannels reads the file's text and reports all problems at once.
func parseChannels(text []byte) (channelsFile, error) {
	var f channelsFile
	if err := boundedYAML(text); err != nil {
		return f, err
	}
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f)
	if errors.Is(err, io.EOF) { // empty
		return f, nil
	}
	var bad []string
	if err != nil {
		if f.Channels, bad = eachSetting(text); len(bad) == 0 {
			return f, errors.New(cutText(yaml.FormatError(err, false, true), mostYAMLError))
		}
	}
	clean := make(map[string]channelSettings, len(f.Channels))
	for key, c := range f.Channels {
		for _, p := range c.problems() {
			bad = append(bad, key+": "+p)
		}
		clean[strings.TrimPrefix(strings.TrimSpace(key), "#")] = c
	}
	f.Channels = clean
	if len(bad) > 0 {
		slices.Sort(bad)
		return f, errors.New(cutText(strings.Join(bad, "; "), mostYAMLError))
	}
	return f, nil
}

// eachSetting reads one setting after the other of a file that is broken, since the decoder stops
// at the first that is wrong. It returns the right ones, and what is wrong with the others. It
// returns nothing if the text is no YAML of this kind.
func eachSetting(text []byte) (right map[string]channelSettings, bad []string) {
	var file map[string]any
	if yaml.Unmarshal(text, &file) != nil {
		return nil, nil
	}
	for key := range file {
		if key != "channels" {
			bad = append(bad, fmt.Sprintf("unknown key %q: settings stand under channels", key))
		}
	}
	channels, ok := file["channels"].(map[string]any)
	if !ok && file["channels"] != nil {
		return nil, append(bad, "channels must be a list of names, each with its settings")
	}
	right = map[string]channelSettings{}
	for channel, value := range channels {
		settings, ok := value.(map[string]any)
		if !ok && value != nil {
			bad = append(bad, channel+": it must have settings such as prompt: Be brief.")
		}
		var all channelSettings
		for name, v := range settings {
			if problem := all.set(name, v); problem != "" {
				bad = append(bad, channel+": "+problem)
			}
		}
		right[channel] = all
	}
	return right, bad
}

// set reads one setting, and returns what is wrong with it.
func (c *channelSettings) set(name string, value any) (problem string) {
	var names []string
	for field := range reflect.TypeFor[channelSettings]().Fields() {
		own := field.Tag.Get("yaml")
		names = append(names, own)
		if own != name {
			continue
		}
		text, err := yaml.Marshal(map[string]any{name: value})
		if err == nil {
			err = yaml.Unmarshal(text, c)
		}
		if err != nil {
			return name + " must be " + form(field.Type)
		}
		return ""
	}
	return fmt.Sprintf("unknown setting %q; there are %s", name, strings.Join(names, ", "))
}

// channels has the settings of channels, which change while the bot runs. Its methods are safe for
// concurrent use.
type channels struct {
	watched

	log    *slog.Logger
	now    atomic.Pointer[channelsFile]
	loaded func(context.Context, *channelsFile) // called after each change of the file; nil: nobody asks
}

// openChannels reads the file. Without a path all channels are alike.
func openChannels(path string, log *slog.Logger) (*channels, error) {
	c := &channels{log: log}
	c.watched = watched{path: path, most: mostChannels, use: c.use}
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

// channels checks the file with the settings of channels.
func (c *Config) channels() []problem {
	_, err := openChannels(c.ChannelsFile, slog.New(slog.DiscardHandler))
	if bad, ok := errors.AsType[*configError](err); ok {
		return bad.problems
	}
	return nil
}

// use takes over the text of the file. One that cannot be used changes no settings.
func (c *channels) use(text []byte) error {
	f, err := parseChannels(text)
	if err == nil {
		c.now.Store(&f)
	}
	return err
}

// run loads the file again at a SIGHUP and when it was changed, until ctx ends. A broken file keeps
// the old settings, and is logged once.
func (c *channels) run(ctx context.Context) {
	c.watch(ctx, func(err error) {
		c.log.ErrorContext(ctx, "channels_file_broken", "error", err, "hint", "the settings from before stay; correct BOT_CHANNELS_FILE")
	}, func() {
		f := c.now.Load()
		c.log.InfoContext(ctx, "channels_file_loaded", "channels", len(f.Channels))
		if c.loaded != nil {
			c.loaded(ctx, f)
		}
	})
}

// settings returns those of a channel, see bot.Config.
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
		base.FollowUps = thread.FollowUps(*own.FollowUps)
	}
	if own.Effort != nil {
		base.Effort = *own.Effort
	}
	if own.AnswersPerMinute != nil {
		base.Quota.AnswersPerMinute = int(*own.AnswersPerMinute)
	}
	if own.TokensPerDay != nil {
		base.Quota.TokensPerDay = int(*own.TokensPerDay)
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
