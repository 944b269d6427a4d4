package slacksim

import "net/http"

func (s *Sim) newPage() http.Handler { return http.NotFoundHandler() }
