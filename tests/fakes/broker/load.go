package main

import (
	"net/http"
	"runtime"
	"sync"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// properties are what a test of `bench` gives the broker, so that it knows what must be measured: POST /fake/load sets them.
// They apply to requests of the load generator alone (vegeta numbers its requests in a header), so FogFlow works meanwhile.
// Times are in seconds; 0 turns a property off.
type properties struct {
	Delay      float64 `json:"delay"`      // before a request is processed
	StallEvery float64 `json:"stallEvery"` // how often the broker stops, counted from the moment the properties were set
	StallFor   float64 `json:"stallFor"`   // for how long
	Admits     float64 `json:"admits"`     // requests per second, one queue, first come first served
	LosesEvery int     `json:"losesEvery"` // notifications of updates whose `sequence` plus one is a multiple of it are not sent
}

type load struct {
	mutex       sync.Mutex
	now         properties
	set, freeAt time.Time
}

// before sets the properties, and holds up the requests of the load generator.
func (l *load) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fake/load" {
			var wanted properties
			if kit.Read(w, r, &wanted) {
				l.mutex.Lock()
				l.now, l.set, l.freeAt = wanted, time.Now(), time.Time{}
				l.mutex.Unlock()
				kit.Nothing(w, 200)
			}
			return
		}
		if r.Header.Get("X-Vegeta-Seq") != "" {
			await(l.admitted(time.Now()))
		}
		next.ServeHTTP(w, r)
	})
}

// await returns at that moment. Sleep alone returns up to 2 ms late, as the runtime waits for events in whole milliseconds.
func await(moment time.Time) {
	time.Sleep(time.Until(moment) - 2*time.Millisecond)
	for time.Now().Before(moment) {
		runtime.Gosched()
	}
}

// admitted is when a request that arrives now is processed.
func (l *load) admitted(now time.Time) time.Time {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	until := now.Add(seconds(l.now.Delay))
	if l.now.Admits > 0 {
		if l.freeAt.Before(now) {
			l.freeAt = now
		}
		l.freeAt = l.freeAt.Add(seconds(1 / l.now.Admits))
		if l.freeAt.After(until) {
			until = l.freeAt
		}
	}
	if l.now.StallEvery > 0 {
		into := now.Sub(l.set) % seconds(l.now.StallEvery)
		if end := now.Add(seconds(l.now.StallFor) - into); end.After(until) {
			until = end
		}
	}
	return until
}

// loses says whether the notifications of this element are lost; those of the preparation have numbers below 0.
func (l *load) loses(element kit.Element) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, each := range element.Attributes {
		number, ok := each.Value.(float64)
		if ok && l.now.LosesEvery > 0 && each.Name == "sequence" && number >= 0 {
			return (int(number)+1)%l.now.LosesEvery == 0
		}
	}
	return false
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
