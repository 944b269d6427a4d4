package fair

import "context"

// key is the key of the person in a context.
type key struct{}

// With returns a context in which everything is done for a person, by whatever name they are told
// apart: a user's id.
func With(ctx context.Context, person string) context.Context {
	if person == Person(ctx) {
		return ctx
	}
	return context.WithValue(ctx, key{}, person)
}

// Person returns for whom something is done; empty: for nobody who is known.
func Person(ctx context.Context) string {
	person, _ := ctx.Value(key{}).(string)
	return person
}
