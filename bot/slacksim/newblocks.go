package slacksim

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// The limits on blocks of 2026. Layouts: docs.slack.dev/reference/block-kit/blocks/layout-block;
// the others: facts, slack.md §10.3. Which error Slack gives is a guess: invalid_blocks, as for all
// that is wrong with a block.
const (
	maxLayoutLabel = 150 // characters
	maxLayoutRows  = 5
	maxLayoutItems = 3 // of a row
	maxPlanTasks   = 50
	maxCharts      = 2 // data_visualization blocks of a message
	maxHeaderLevel = 4
)

// checkLayout returns what is wrong with a layout block. Its children are checked as if they
// stood alone.
func (s *Sim) checkLayout(b obj, at string, level int) []string {
	var p problems
	p.label(b["label"], at+"/label", maxLayoutLabel, false)
	p.one(b["grid_lines"], at+"/grid_lines", "none", "rows", "outer")
	p.each(b["rows"], at+"/rows", 1, maxLayoutRows, func(row obj, at string) {
		p.each(row["items"], at+"/items", 1, maxLayoutItems, func(item obj, at string) {
			child, _ := item["block"].(obj)
			p = append(p, s.checkInLayout(child, at+"/block", level)...)
		})
	})
	p.each(b["fallback"], at+"/fallback", 0, maxBlocks, func(child obj, at string) { p = append(p, s.checkInLayout(child, at, level)...) })
	return p
}

// checkInLayout returns what is wrong with a block that stands in a layout, or in place of it.
func (s *Sim) checkInLayout(child obj, at string, level int) []string {
	switch child["type"] {
	case nil, "layout", "markdown":
		var p problems
		p.addf("unsupported type: %s [json-pointer:%s/type]", str(child["type"]), at)
		return p
	}
	return s.checkBlock(child, at, level+1)
}

// checkPlan returns what is wrong with a plan block of a message.
func checkPlan(b obj, at string) []string {
	var p problems
	p.label(b["title"], at+"/title", maxTaskText, false)
	seen := map[string]bool{}
	p.each(b["tasks"], at+"/tasks", 0, maxPlanTasks, func(t obj, at string) {
		p.task(t, at)
		id := str(t["task_id"])
		if id != "" && seen[id] {
			p.addf("`task_id` already exists [json-pointer:%s/task_id]", at)
		}
		seen[id] = true
	})
	return p
}

// checkTogether returns what is wrong with blocks only because they are in one message.
func checkTogether(blocks []obj) []string {
	var p problems
	charts, plans, tasks := 0, 0, 0
	for i, b := range blocks {
		switch b["type"] {
		case "data_visualization":
			if charts++; charts > maxCharts {
				p.addf("no more than %d data_visualization blocks allowed [json-pointer:/blocks/%d]", maxCharts, i)
			}
		case "plan":
			plans++
		case "task_card":
			tasks++
		}
	}
	if plans > 0 && tasks > 0 {
		p.addf("a plan and a task_card cannot be in one message [json-pointer:/blocks]")
	}
	return p
}

// shownTo reports whether an element is shown to a person: one with visible_to_user_ids is shown to
// these only (facts: slack.md §10.3).
func shownTo(e obj, user string) bool {
	ids, ok := e["visible_to_user_ids"].([]any)
	return !ok || slices.ContainsFunc(ids, func(id any) bool { return str(id) == user })
}

// checkCaption returns what is wrong with the caption of a data_table, which needs one.
func checkCaption(b obj, at string) []string {
	if utf8.RuneCountInString(str(b["caption"])) == 0 {
		return []string{fmt.Sprintf("missing required field: caption [json-pointer:%s/caption]", at)}
	}
	return nil
}
