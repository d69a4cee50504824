package pkgspec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkCalendar accepts the calendar expressions of systemd.time(7) that all
// versions from 247 on read. It is stricter than systemd, which also reads some
// old forms; a test asks systemd-analyze about what it accepts.
func checkCalendar(s string) problem {
	const hint = `write it as systemd's OnCalendar: daily, "Mon..Fri 03:30", "*-*-01 00:00:00", "*:0/15"; systemd-analyze calendar explains one`
	if regexp.MustCompile(`^\S+( +\S+){4}$`).MatchString(s) && !strings.Contains(s, ":") {
		return problem{quote(s) + " looks like a line of a crontab", hint}
	}
	return expect(isCalendar(s), s, "a valid calendar expression", hint)
}

func isCalendar(s string) bool {
	words := strings.Fields(s)
	if len(words) == 0 || strings.Join(words, " ") != s {
		return false
	}
	if len(words) > 1 && isZone(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 1 && slices.Contains(calendarWords(), words[0]) {
		return true
	}
	for _, read := range []func(string) bool{isWeekdays, isDate, isTime} {
		if len(words) > 0 && read(words[0]) {
			words = words[1:]
		}
	}
	return len(words) == 0
}

func calendarWords() []string {
	return []string{"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually"}
}

// isZone accepts UTC and names such as Europe/Berlin, as every tzdata has them.
func isZone(s string) bool {
	return s == "UTC" || matches(`(Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)(/[A-Za-z_-]+){1,2}`, s)
}

func isWeekdays(s string) bool {
	const day = `(?i:mon(day)?|tue(sday)?|wed(nesday)?|thu(rsday)?|fri(day)?|sat(urday)?|sun(day)?)`
	if !matches(day+`(\.\.`+day+`)?(,`+day+`(\.\.`+day+`)?)*`, s) {
		return false
	}
	for item := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(strings.ToLower(item), "..")
		if ranged && weekday(from) > weekday(to) {
			return false
		}
	}
	return true
}

func weekday(name string) int {
	return slices.Index([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, name[:3])
}

// isDate accepts year-month-day, month-day, and ~ before a day that is counted
// from the month's end.
func isDate(s string) bool {
	m := regexp.MustCompile(`^(?:([^-~]+)-)?([^-~]+)[-~]([^-~]+)$`).FindStringSubmatch(s)
	return m != nil && (m[1] == "" || isField(m[1], 1970, 2199)) && isField(m[2], 1, 12) && isField(m[3], 1, 31)
}

func isTime(s string) bool {
	m := regexp.MustCompile(`^([^:]+):([^:]+)(?::([^:]+))?$`).FindStringSubmatch(s)
	return m != nil && isField(m[1], 0, 23) && isField(m[2], 0, 59) && (m[3] == "" || isField(m[3], 0, 59))
}

// isField accepts a list of numbers, ranges and repetitions: "*", "0/15",
// "8..18/2,22".
func isField(s string, least, most int) bool {
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && matches(`[0-9]{1,4}`, s)
	}
	for item := range strings.SplitSeq(s, ",") {
		value, every, repeated := strings.Cut(item, "/")
		if n, ok := number(every); repeated && (!ok || n < 1 || n > most) {
			return false
		}
		if value == "*" {
			continue
		}
		from, to, ranged := strings.Cut(value, "..")
		a, ok := number(from)
		if !ok || a < least || a > most {
			return false
		}
		if b, ok := number(to); ranged && (!ok || b < a || b > most) {
			return false
		}
	}
	return true
}
