package turn_test

import (
	"testing"

	"llmbot/bot/turn"
	"llmbot/bot/turn/turntest"
)

func openMem(*testing.T) turn.Store { return turn.NewMem() }

func TestMem(t *testing.T) { turntest.TestStore(t, openMem) }

func TestMemInBubble(t *testing.T) { turntest.TestBubble(t, openMem) }

func TestMemPair(t *testing.T) {
	turntest.TestPair(t, func(*testing.T) (a, b turn.Store) {
		m := turn.NewMem()
		return m, m
	})
}
