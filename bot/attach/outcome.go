package attach

import (
	"context"
	"errors"

	"llmbot/bot/document"
	"llmbot/bot/thread"
)

// Kind is what kind of file one is, for figures.
type Kind string

// The kinds.
const (
	KindText    Kind = "text"
	KindRows    Kind = "csv"
	KindWord    Kind = "word"
	KindSheets  Kind = "excel"
	KindSlides  Kind = "powerpoint"
	KindPDF     Kind = "pdf"
	KindCanvas  Kind = "canvas"
	KindPicture Kind = "picture"
	KindClip    Kind = "voice_clip"
	KindOther   Kind = "other" // which nobody here reads
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{KindText, KindRows, KindWord, KindSheets, KindSlides, KindPDF, KindCanvas, KindPicture, KindClip, KindOther}
}

// Outcome is what became of a file that was to be read.
type Outcome string

// The outcomes.
const (
	OutcomeRead    Outcome = "read"
	OutcomePart    Outcome = "part"    // its beginning, or a smaller copy
	OutcomeRefused Outcome = "refused" // it cannot be read: of another kind, too large, damaged, with a password
	OutcomeFailed  Outcome = "failed"  // another try may do better
	OutcomeStopped Outcome = "stopped" // nobody waits for it any more
)

// Outcomes returns all of them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeRead, OutcomePart, OutcomeRefused, OutcomeFailed, OutcomeStopped}
}

// nameOf returns which kind of file one is.
func nameOf(f thread.File) Kind {
	switch kindOf(f) {
	case fileClip:
		return KindClip
	case filePicture:
		return KindPicture
	case fileText:
		return KindText
	case fileDocument, fileOther:
	}
	switch documentOf(f) {
	case document.PDF:
		return KindPDF
	case document.Word:
		return KindWord
	case document.Sheets:
		return KindSheets
	case document.Slides:
		return KindSlides
	case document.Rows:
		return KindRows
	case document.Canvas:
		return KindCanvas
	case document.None:
	}
	return KindOther
}

// outcomeOf returns what became of a file; same: another try would bring the same.
func outcomeOf(ctx context.Context, a attachment, same bool) Outcome {
	switch {
	case a.read && a.said == "":
		return OutcomeRead
	case a.read:
		return OutcomePart
	case errors.Is(ctx.Err(), context.Canceled):
		return OutcomeStopped
	case same:
		return OutcomeRefused
	}
	return OutcomeFailed
}
