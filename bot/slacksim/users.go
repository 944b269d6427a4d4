package slacksim

func (s *Sim) authTestLocked(*call) (obj, *refusal) {
	t, b := s.cfg.Team, s.cfg.Bot
	return obj{
		"url": "https://" + t.Domain + ".slack.com/", "team": t.Name, "team_id": t.ID, "user": b.Name, "user_id": b.UserID,
		"bot_id": b.BotID, "is_enterprise_install": false,
	}, nil
}

func (s *Sim) userObjLocked(u *User) obj {
	o := obj{
		"id": u.ID, "team_id": u.TeamID, "name": u.Name, "real_name": u.RealName, "deleted": u.Deleted, "color": "9f69e7",
		"tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0, "is_bot": u.BotID != "", "is_app_user": false, "updated": 1,
		"is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": u.Guest, "is_ultra_restricted": false,
		"is_email_confirmed": true,
	}
	profile := obj{"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.Name, "display_name_normalized": u.Name, "team": u.TeamID}
	if u.BotID != "" {
		profile["bot_id"] = u.BotID
		profile["api_app_id"] = "A" + u.BotID[1:]
	}
	if u.TeamID != s.cfg.Team.ID {
		o["is_stranger"] = true
		delete(o, "is_admin")
		delete(o, "is_email_confirmed")
	}
	o["profile"] = profile
	return o
}

func (s *Sim) userInfoLocked(c *call) (obj, *refusal) {
	u := s.users[c.args["user"]]
	if u == nil {
		return nil, refuse("user_not_found")
	}
	return obj{"user": s.userObjLocked(u)}, nil
}

func (s *Sim) userListLocked(*call) (obj, *refusal) {
	list := []any{}
	for _, id := range s.userOrder {
		list = append(list, s.userObjLocked(s.users[id]))
	}
	return obj{"members": list, "response_metadata": obj{"next_cursor": ""}}, nil
}

func (s *Sim) botInfoLocked(c *call) (obj, *refusal) {
	for _, id := range s.userOrder {
		if u := s.users[id]; u.BotID != "" && u.BotID == c.args["bot"] {
			return obj{"bot": obj{"id": u.BotID, "app_id": "A" + u.BotID[1:], "user_id": u.ID, "name": u.Name, "deleted": u.Deleted, "updated": 1}}, nil
		}
	}
	return nil, refuse("bot_not_found")
}

func (s *Sim) teamInfoLocked(*call) (obj, *refusal) {
	t := s.cfg.Team
	return obj{"team": obj{"id": t.ID, "name": t.Name, "domain": t.Domain, "icon": obj{"image_default": true}}}, nil
}
