package main

import (
	"slices"
	"strings"

	"llmbot/bot/slacksim"
)

// usualPeople is how many colleagues the demo has if nobody asks for more.
const usualPeople = 3

// colleagues are the people of the demo, in their order. Each name is of another one.
const colleagues = "Alice Adams, Bob Baker, Carol Chen, Dan Diaz, Eva Ek, Fay Fox, Greg Green, Hana Hall, Ivo Ito, Jane Jones, " +
	"Karl Kim, Lena Lopez, Max Meyer, Nora Novak, Omar Okafor, Pia Petrov, Quinn Quist, Rosa Rossi, Sam Singh, Tara Tran, " +
	"Uli Ueda, Vera Vogel, Will Wang, Xenia Xu, Yara Young, Zoe Ziegler, Amir Ali, Bea Brown, Cem Can, Dora Silva, " +
	"Emil Eze, Finn Frost, Gil Gold, Hugo Hart, Ines Ivanov, Jon Jensen, Kira Kaya, Leo Lind, Mia Mori, Nils Nowak"

// mostPeople is how many there are.
const mostPeople = 40

// demoPeople returns so many colleagues, and the others of slacksim's own: a guest, somebody of
// another organisation, and another bot.
func demoPeople(n int) []slacksim.User {
	usual := slacksim.DefaultUsers()
	var out []slacksim.User
	for i, full := range strings.Split(colleagues, ", ")[:n] {
		if i < usualPeople {
			out = append(out, usual[i]) // with the ids that tests and links know
			continue
		}
		name := strings.ToLower(strings.Fields(full)[0])
		id := "U0" + strings.ToUpper(name)
		out = append(out, slacksim.User{ID: id + strings.Repeat("0", 9-len(id)) + "1", Name: name, RealName: full})
	}
	return slices.Concat(out, usual[usualPeople:])
}
