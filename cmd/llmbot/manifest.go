package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Limits of the manifest schema (facts: Slack's manifest-schema of 2026-07-21).
const (
	maxAppName     = 35
	maxDisplayName = 80
	maxCommand     = 32
)

// slackManifest is the part of Slack's app manifest that this app uses.
type slackManifest struct {
	Display struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
	} `yaml:"display_information"`
	Features struct {
		Home struct {
			Home     bool `yaml:"home_tab_enabled"`
			Messages bool `yaml:"messages_tab_enabled"`
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
		Bot struct {
			Name   string `yaml:"display_name"`
			Online bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		Commands []slashCommand `yaml:"slash_commands"`
		Agent    *agentView     `yaml:"agent_view,omitempty"` // nil: a plain bot
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			Enabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		OrgDeploy bool `yaml:"org_deploy_enabled"`
		Socket    bool `yaml:"socket_mode_enabled"`
		Rotation  bool `yaml:"token_rotation_enabled"`
	} `yaml:"settings"`
}

type slashCommand struct {
	Command     string `yaml:"command"`
	Description string `yaml:"description"`
	Hint        string `yaml:"usage_hint,omitempty"`
	Escape      bool   `yaml:"should_escape"`
}

// appManifest returns what the app needs of Slack, and no more: an app must be installed again when
// a scope is added later.
func appManifest(name, command string) slackManifest {
	var m slackManifest
	m.Display.Name = name
	m.Display.Description = "Ask our own model, which runs on our own servers"
	// Without messages nobody can write to the bot directly.
	m.Features.Home.Home, m.Features.Home.Messages = true, true
	m.Features.Bot.Name, m.Features.Bot.Online = name, true
	m.Features.Commands = []slashCommand{{Command: command, Description: "How the model server is doing", Hint: "[details | help]"}}
	m.OAuth.Scopes.Bot = []string{
		"app_mentions:read", "chat:write", "commands",
		"channels:history", "groups:history", "im:history", "mpim:history", // to read the thread
		"channels:read", "groups:read", "im:read", "mpim:read", // the channel's name
		"users:read", // speakers' names, and who is a guest
		"files:read",
	}
	// message.*: direct messages, follow-ups, edits and deletions of questions; app_home_opened: the
	// Home tab.
	m.Settings.Events.Bot = []string{"app_mention", "message.channels", "message.groups", "message.im", "message.mpim", "app_home_opened"}
	m.Settings.Interactivity.Enabled = true
	m.Settings.Socket = true // rotation stays off: it would end the static bot token
	return m
}

// agentView declares the app as an agent (manifest schema: at most 300 characters and 4 prompts).
type agentView struct {
	Description string            `yaml:"agent_description"`
	Prompts     []suggestedPrompt `yaml:"suggested_prompts"`
}

type suggestedPrompt struct {
	Title   string `yaml:"title"`
	Message string `yaml:"message"`
}

// asAgent returns the manifest of the same app as an agent. The event tells of Slack's own stop
// button.
func asAgent(m slackManifest) slackManifest {
	m.Features.Agent = &agentView{
		Description: m.Display.Description,
		Prompts: []suggestedPrompt{
			{"Explain", "Explain this error message, and what I should try first: "},
			{"Write", "Write a short announcement about "},
			{"Review", "Review this code, worst problems first: "},
			{"How is the server?", "!status"},
		},
	}
	m.Settings.Events.Bot = append(m.Settings.Events.Bot, "agent_session_stopped")
	return m
}

// createLink opens Slack's page for a new app with the manifest filled in.
func createLink(manifest string) string {
	return "https://api.slack.com/apps?new_app=1&manifest_yaml=" + strings.ReplaceAll(url.QueryEscape(manifest), "+", "%20")
}

func runManifest(ctx context.Context, p process, args []string) error {
	f := flags(p, "manifest", "prints the Slack app manifest on standard output, and the link that creates the app on standard error")
	name := f.String("name", "llm", "`NAME` of the app and of its bot user")
	command := f.String("command", "/llm-status", "the slash `COMMAND` (BOT_COMMAND)")
	asJSON := f.Bool("json", false, "as JSON instead of YAML")
	agent := f.Bool("agent", false, "as an agent of Slack's: a view of its own with prompts to begin with; guests cannot use it (docs/slack-app.md)")
	open := f.Bool("open", false, "open the link in the browser, instead of printing it")
	if err := parse(p, f, args); err != nil {
		return err
	}
	if *name == "" || len(*name) > min(maxAppName, maxDisplayName) {
		return &configError{[]problem{{fmt.Sprintf("--name is %q", *name), fmt.Sprintf("Slack takes 1 to %d characters.", maxAppName)}}}
	}
	if !strings.HasPrefix(*command, "/") || len(*command) > maxCommand {
		return &configError{[]problem{{fmt.Sprintf("--command is %q", *command), "It must begin with / and have at most 32 characters."}}}
	}
	manifest := appManifest(*name, *command)
	if *agent {
		manifest = asAgent(manifest)
	}
	text, err := yaml.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	out := string(text)
	if *asJSON {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
		out = string(b) + "\n"
	}
	fmt.Fprint(p.out, out)
	link := createLink(string(text))
	if *open {
		err := openInBrowser(ctx, link)
		if err == nil {
			fmt.Fprint(p.err, "\nThe browser shows the page that creates the app.\n")
			return nil
		}
		fmt.Fprintf(p.err, "\nNo browser could be opened: %v\n", err)
	}
	if f := terminal(p.err); f != nil && envValue(p.env, "TERM") != "dumb" { // a hyperlink (OSC 8): the address has 15 lines
		fmt.Fprintf(p.err, "\nCreate the app with it: \x1b]8;;%s\x1b\\this link creates the app in Slack\x1b]8;;\x1b\\ (or: llmbot manifest --open)\nIf your terminal shows no link, here it is whole:\n", link)
	} else {
		fmt.Fprint(p.err, "\nCreate the app with it:\n")
	}
	fmt.Fprintf(p.err, "<%s>\n", link)
	return nil
}

// openInBrowser opens an address in the person's browser. It waits for the program that does so, 5
// s at most.
func openInBrowser(ctx context.Context, link string) error {
	program, args := "xdg-open", []string{link}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", link}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := exec.CommandContext(ctx, program, args...).Run(); err != nil { //nolint:gosec // a constant program
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}

// readManifest reads a manifest from a file, YAML or JSON.
func readManifest(path string) (slackManifest, error) {
	var m slackManifest
	b, err := readFile(path, mostManifest)
	if err != nil {
		return m, &hintError{fmt.Errorf("read the manifest: %w", err), "Check the path of --manifest."}
	}
	if err := boundedYAML(b); err != nil {
		return m, fmt.Errorf("read the manifest %s: %w", path, err)
	}
	if err := yaml.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read the manifest %s: %w", path, err)
	}
	return m, nil
}
