package slacksim

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits on blocks, in characters and items (docs.slack.dev/reference/block-kit/blocks and
// @slack/types 3.2, which repeats them; facts: slack.md §3.2 and §4.1). Which words Slack puts
// beside the pointer is a guess where nobody has published them.
const (
	maxBlockID       = 255
	maxSection       = 3_000
	maxFields        = 10
	maxField         = 2_000
	maxHeader        = 150
	maxContext       = 10
	maxActions       = 25
	maxContextAction = 5
	maxImageText     = 2_000 // alt_text and title
	maxURL           = 3_000
	maxInputLabel    = 2_000 // hint, too
	maxVideoTitle    = 199   // "must be less than 200 characters"
	maxVideoAuthor   = 49
	maxCardTitle     = 150 // subtitle, too
	maxCardBody      = 200
	maxCardActions   = 3
	maxCards         = 10
	maxContainer     = 150 // title and subtitle
	maxChildren      = 10
	maxRichText      = 1_000 // elements; a guess
	// maxLevels is how deep containers and layouts stand in each other (slack-go v0.35,
	// ContainerBlock: "two-level layout/container limit").
	maxLevels = 2
)

// text checks a text object of at most most characters.
func (p *problems) text(v any, at string, most int, types ...string) {
	t, ok := v.(obj)
	content, isText := t["text"].(string)
	switch n := utf8.RuneCountInString(content); {
	case !ok, !isText:
		p.addf("missing required field: text [json-pointer:%s]", at)
	case !slices.Contains(types, str(t["type"])):
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(t["type"]), at)
	case n == 0:
		p.addf("must be more than 0 characters [json-pointer:%s/text]", at)
	case n > most:
		p.addf("must be less than %d characters [json-pointer:%s/text]", most+1, at)
	}
}

// optional checks a text object that need not be there.
func (p *problems) optional(v any, at string, most int, types ...string) {
	if v != nil {
		p.text(v, at, most, types...)
	}
}

// each checks a list of objects, and how many they are. Whatever is no object is told.
func (p *problems) each(v any, at string, least, most int, check func(e obj, at string)) {
	list, ok := v.([]any)
	if typed, isTyped := v.([]obj); isTyped {
		for _, e := range typed {
			list = append(list, e)
		}
		ok = true
	}
	name := at[strings.LastIndexByte(at, '/')+1:]
	switch {
	case v == nil && least > 0:
		p.addf("missing required field: %s [json-pointer:%s]", name, at)
	case v != nil && !ok:
		p.addf("must be an array [json-pointer:%s]", at)
	case len(list) < least:
		p.addf("no fewer than %d items allowed [json-pointer:%s]", least, at)
	case len(list) > most:
		p.addf("no more than %d items allowed [json-pointer:%s]", most, at)
		return
	}
	for i, e := range list {
		at := at + "/" + strconv.Itoa(i)
		if o, ok := e.(obj); ok && o != nil {
			check(o, at)
		} else {
			p.addf("must be an object [json-pointer:%s]", at)
		}
	}
}

// one checks an object that is one of some strings, or not there.
func (p *problems) one(v any, at string, of ...string) {
	if v != nil && !slices.Contains(of, str(v)) {
		p.addf("must be one of %s [json-pointer:%s]", strings.Join(of, ", "), at)
	}
}

// checkBlock returns what is wrong with one block. level counts the containers and layouts that it
// stands in, from 1.
func (s *Sim) checkBlock(b obj, at string, level int) []string {
	var p problems
	p.label(b["block_id"], at+"/block_id", maxBlockID, true)
	switch typ := str(b["type"]); typ {
	case "markdown":
		if t := p.label(b["text"], at+"/text", maxMarkdownBlock, false); utf8.RuneCountInString(t) <= maxMarkdownBlock {
			p = append(p, s.checkTables(t, at+"/text")...)
		}
	case "section":
		p.section(b, at)
	case "header":
		p.text(b["text"], at+"/text", maxHeader, "plain_text")
		p.number(b["level"], at+"/level", 1, maxHeaderLevel)
	case "context":
		p.each(b["elements"], at+"/elements", 1, maxContext, func(e obj, at string) {
			if e["type"] == "image" {
				p.image(e, at)
			} else {
				p.text(e, at, maxSection, "mrkdwn", "plain_text")
			}
		})
	case "actions":
		p.elements(b["elements"], at+"/elements", maxActions, inActions)
	case "context_actions":
		p.elements(b["elements"], at+"/elements", maxContextAction, inContextActions)
	case "rich_text":
		p.richText(b, at)
	case "table":
		p = append(p, checkTable(b, at)...)
	case "data_visualization", "data_table":
		switch {
		case s.cfg.NoCharts:
			p.addf("unsupported type: %s [json-pointer:%s/type]", typ, at)
		case typ == "data_table":
			p = append(append(p, checkCaption(b, at)...), checkTable(b, at)...)
		default:
			p = append(p, checkChart(b, at)...)
		}
	case "layout", "container":
		switch {
		case level > maxLevels:
			p.addf("unsupported type: %s [json-pointer:%s/type]", typ, at)
		case typ == "layout":
			p = append(p, s.checkLayout(b, at, level)...)
		default:
			p = append(p, s.checkContainer(b, at, level)...)
		}
	case "plan":
		p = append(p, checkPlan(b, at)...)
	case "task_card":
		p.task(b, at)
	case "card":
		p.card(b, at)
	case "carousel":
		p.each(b["elements"], at+"/elements", 1, maxCards, func(e obj, at string) {
			if e["type"] != "card" {
				p.addf("unsupported type: %s [json-pointer:%s/type]", str(e["type"]), at)
				return
			}
			p.card(e, at)
		})
	case "image":
		p.image(b, at)
		p.optional(b["title"], at+"/title", maxImageText, "plain_text")
	case "input":
		p.input(b, at)
	case "file":
		p.label(b["external_id"], at+"/external_id", maxURL, false)
		if b["source"] != "remote" {
			p.addf("must be remote [json-pointer:%s/source]", at)
		}
	case "video":
		p.video(b, at)
	case "divider":
	default: // "alert" too: only modals take it
		p.addf("unsupported type: %s [json-pointer:%s/type]", typ, at)
	}
	return p
}

func (p *problems) section(b obj, at string) {
	if b["text"] != nil || b["fields"] == nil {
		p.text(b["text"], at+"/text", maxSection, "mrkdwn", "plain_text")
	}
	least := 0
	if b["text"] == nil {
		least = 1
	}
	if b["fields"] != nil {
		p.each(b["fields"], at+"/fields", least, maxFields, func(f obj, at string) { p.text(f, at, maxField, "mrkdwn", "plain_text") })
	}
	if b["accessory"] != nil {
		p.element(b["accessory"], at+"/accessory", inSection)
	}
}

// image checks an image block, or an image in another block.
func (p *problems) image(b obj, at string) {
	p.label(b["alt_text"], at+"/alt_text", maxImageText, false)
	file, isFile := b["slack_file"].(obj)
	switch {
	case b["image_url"] == nil && b["slack_file"] == nil:
		p.addf("missing required field: image_url [json-pointer:%s]", at)
	case b["image_url"] != nil && b["slack_file"] != nil:
		p.addf("only one of image_url and slack_file allowed [json-pointer:%s]", at)
	case b["image_url"] != nil:
		p.url(b["image_url"], at+"/image_url")
	case !isFile, (str(file["id"]) == "") == (str(file["url"]) == ""):
		p.addf("must have an id or a url [json-pointer:%s/slack_file]", at)
	}
}

// imageIn checks an image that need not be there.
func (p *problems) imageIn(v any, at string) {
	e, ok := v.(obj)
	switch {
	case v == nil:
	case !ok, e["type"] != "image":
		p.addf("must be an image [json-pointer:%s]", at)
	default:
		p.image(e, at)
	}
}

func (p *problems) url(v any, at string) {
	u := p.label(v, at, maxURL, false)
	if u != "" && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
		p.addf("must be a valid URL [json-pointer:%s]", at)
	}
}

func (p *problems) video(b obj, at string) {
	p.text(b["title"], at+"/title", maxVideoTitle, "plain_text")
	p.label(b["alt_text"], at+"/alt_text", maxImageText, false)
	p.url(b["video_url"], at+"/video_url")
	p.url(b["thumbnail_url"], at+"/thumbnail_url")
	p.optional(b["description"], at+"/description", maxVideoTitle, "plain_text")
	p.label(b["author_name"], at+"/author_name", maxVideoAuthor, true)
	if b["title_url"] != nil {
		p.url(b["title_url"], at+"/title_url")
	}
}

func (p *problems) input(b obj, at string) {
	p.text(b["label"], at+"/label", maxInputLabel, "plain_text")
	p.optional(b["hint"], at+"/hint", maxInputLabel, "plain_text")
	p.element(b["element"], at+"/element", inInput)
}

func (p *problems) card(b obj, at string) {
	if b["hero_image"] == nil && b["title"] == nil && b["actions"] == nil && b["body"] == nil {
		p.addf("must have one of hero_image, title, actions, body [json-pointer:%s]", at)
	}
	p.imageIn(b["hero_image"], at+"/hero_image")
	p.imageIn(b["icon"], at+"/icon")
	for key, most := range map[string]int{"title": maxCardTitle, "subtitle": maxCardTitle, "body": maxCardBody, "subtext": maxCardBody} {
		p.optional(b[key], at+"/"+key, most, "mrkdwn", "plain_text")
	}
	if b["actions"] == nil {
		return
	}
	p.each(b["actions"], at+"/actions", 1, maxCardActions, func(e obj, at string) {
		if e["type"] != "button" {
			p.addf("unsupported type: %s [json-pointer:%s/type]", str(e["type"]), at)
			return
		}
		p.element(e, at, inActions)
	})
}

// inContainer are the blocks that may stand in a container (slack-go v0.35, ContainerBlock).
const inContainer = "actions context divider file header image input rich_text section table video layout container"

func (s *Sim) checkContainer(b obj, at string, level int) []string {
	var p problems
	rich, isRich := b["rich_text_title"].(obj)
	if isRich {
		p.richText(rich, at+"/rich_text_title")
	}
	if !isRich || b["title"] != nil {
		p.text(b["title"], at+"/title", maxContainer, "plain_text")
	}
	p.optional(b["subtitle"], at+"/subtitle", maxContainer, "plain_text", "mrkdwn")
	p.imageIn(b["icon"], at+"/icon")
	p.each(b["child_blocks"], at+"/child_blocks", 1, maxChildren, func(child obj, at string) {
		if !slices.Contains(strings.Fields(inContainer), str(child["type"])) {
			p.addf("unsupported type: %s [json-pointer:%s/type]", str(child["type"]), at)
			return
		}
		p = append(p, s.checkBlock(child, at, level+1)...)
	})
	return p
}

// task checks a task_card, alone or of a plan.
func (p *problems) task(b obj, at string) {
	p.label(b["task_id"], at+"/task_id", maxBlockID, false)
	p.label(b["title"], at+"/title", maxTaskText, false)
	p.one(b["status"], at+"/status", "pending", "in_progress", "complete", "error")
	for _, key := range []string{"details", "output"} {
		switch v := b[key].(type) {
		case nil:
		case obj:
			p.richText(v, at+"/"+key)
		default:
			p.addf("must be a rich_text block [json-pointer:%s/%s]", at, key)
		}
	}
	if b["sources"] == nil {
		return
	}
	p.each(b["sources"], at+"/sources", 0, maxRichText, func(e obj, at string) {
		p.one(e["type"], at+"/type", "url")
		p.url(e["url"], at+"/url")
		p.label(e["text"], at+"/text", maxURL, false)
	})
}

// richNeeds are the elements in a paragraph of rich_text, and what each must have.
func richNeeds() map[string]string {
	return map[string]string{
		"text": "text", "link": "url", "user": "user_id", "usergroup": "usergroup_id", "channel": "channel_id", "team": "team_id", "emoji": "name",
		"broadcast": "range", "color": "value", "date": "format",
	}
}

// richText checks a rich_text block.
func (p *problems) richText(b obj, at string) {
	if b["type"] != "rich_text" {
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(b["type"]), at)
		return
	}
	p.each(b["elements"], at+"/elements", 1, maxRichText, func(e obj, at string) {
		if e["type"] != "rich_text_list" {
			p.richLine(e, at, "rich_text_section", "rich_text_preformatted", "rich_text_quote")
			return
		}
		p.one(e["style"], at+"/style", "bullet", "ordered")
		p.each(e["elements"], at+"/elements", 1, maxRichText, func(e obj, at string) { p.richLine(e, at, "rich_text_section") })
	})
}

// richLine checks a paragraph of rich_text: one of some types.
func (p *problems) richLine(b obj, at string, types ...string) {
	if !slices.Contains(types, str(b["type"])) {
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(b["type"]), at)
		return
	}
	needs := richNeeds()
	p.each(b["elements"], at+"/elements", 0, maxRichText, func(e obj, at string) {
		need, known := needs[str(e["type"])]
		if !known {
			p.addf("unsupported type: %s [json-pointer:%s/type]", str(e["type"]), at)
			return
		}
		if v, ok := e[need].(string); !ok || v == "" {
			p.addf("missing required field: %s [json-pointer:%s]", need, at)
		}
		if _, ok := e["timestamp"].(float64); e["type"] == "date" && !ok {
			p.addf("missing required field: timestamp [json-pointer:%s]", at)
		}
		if _, ok := e["style"].(obj); e["style"] != nil && !ok {
			p.addf("must be an object [json-pointer:%s/style]", at)
		}
	})
}
