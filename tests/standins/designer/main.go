// Stand-in of FogFlow's designer: the page, the API for functions, and the one replay of all intents at its start. It keeps
// functions in a file, ignores SIGTERM, and prints the bus's password to its log, as the original does.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"fogflow-k8s.invalid/standins/internal/kit"
)

const data = "/app/public/data/meta/db.json"

type designer struct {
	config *kit.Config
	bus    *kit.Bus
	mutex  sync.Mutex
	stored stored
}

func main() {
	c := kit.Load("/app/config.json")
	d := &designer{config: c, bus: kit.NewBus(c), stored: empty()}
	signal.Ignore(syscall.SIGTERM)
	for _, folder := range []string{filepath.Dir(data), "/app/public/data/photo"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			log.Fatal(err)
		}
	}
	if content, err := os.ReadFile(data); err == nil {
		_ = json.Unmarshal(content, &d.stored)
	}
	log.Printf("connecting to %s", d.bus.URL)
	queue := kit.Queue{Name: "fogflow-designer", Bindings: []string{"designer.*", "task."}, NoAck: true}
	go func() {
		time.Sleep(time.Second) // a program of Node that size has its modules loaded about then
		d.bus.Consume(queue, d.replay, func(kit.Message) {})
	}()
	kit.Serve(c.Designer.WebPort, d.routes())
}

func (d *designer) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "<html><title>FogFlow (stand-in)</title></html>")
	}
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /index.html", page)
	mux.HandleFunc("GET /config.js", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "var config = {};") })
	mux.HandleFunc("GET /data/meta/db.json", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, data) })
	mux.HandleFunc("POST /fogfunction", d.add)
	mux.HandleFunc("DELETE /fogfunction/{name}", d.remove)
	mux.HandleFunc("GET /fogfunction", d.list)
	mux.HandleFunc("GET /topology/{name}", d.topology)
	mux.HandleFunc("POST /operator", d.addOperators)
	mux.HandleFunc("DELETE /operator/{name}", d.removeOperator)
	mux.HandleFunc("GET /intent", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, map[string]any{}) })
	return mux
}

// replay publishes every intent once, the moment the bus is there; whoever does not listen by then never hears of it.
func (d *designer) replay() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for name := range d.stored.Functions {
		_ = d.publish(name, "ADD")
	}
}

func (d *designer) publish(name, action string) error {
	intent := kit.Intent{ID: "ServiceIntent." + name, Topology: name, Action: action}
	return d.bus.Publish("INTENT", "orchestration.", "designer", intent)
}

// add takes one function in the short form of these tests, or a list in the form of the original.
func (d *designer) add(w http.ResponseWriter, r *http.Request) {
	var body json.RawMessage
	if !kit.Read(w, r, &body) {
		return
	}
	list := []json.RawMessage{body}
	original := body[0] == '['
	if original {
		_ = json.Unmarshal(body, &list)
	}
	if d.bus.Deaf {
		log.Fatal("the channel is closed") // before anything was written: the function is lost
	}
	for _, function := range list {
		name := nameOf(function)
		d.mutex.Lock()
		d.stored.Functions[name] = function // the master fetches it from here while it is being published
		d.mutex.Unlock()
		if err := d.publish(name, "ADD"); err != nil {
			log.Fatal(err)
		}
	}
	d.save()
	if original {
		done(w, 200)
		return
	}
	kit.Reply(w, 200, body)
}

func (d *designer) remove(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	d.mutex.Lock()
	_, known := d.stored.Functions[name]
	delete(d.stored.Functions, name)
	d.mutex.Unlock()
	if !known {
		done(w, 404)
		return
	}
	_ = d.publish(name, "REMOVE")
	d.save()
	done(w, 200)
}

func (d *designer) list(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, d.stored.Functions)
}

func (d *designer) topology(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if found, ok := d.stored.topology(r.PathValue("name")); ok {
		kit.Reply(w, 200, found)
		return
	}
	kit.Reply(w, 404, map[string]string{"error": "no such topology"})
}

func (d *designer) addOperators(w http.ResponseWriter, r *http.Request) {
	var list []json.RawMessage
	if !kit.Read(w, r, &list) {
		return
	}
	d.mutex.Lock()
	for _, operator := range list {
		d.stored.Operators[nameOf(operator)] = operator
	}
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}

// removeOperator keeps an operator that a function uses, and says so with 501.
func (d *designer) removeOperator(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	d.mutex.Lock()
	_, known := d.stored.Operators[name]
	used := d.stored.uses(name)
	if known && !used {
		delete(d.stored.Operators, name)
	}
	d.mutex.Unlock()
	switch {
	case !known:
		done(w, 404)
	case used:
		done(w, 501)
	default:
		d.save()
		done(w, 200)
	}
}

// done answers with a status and its name, not with JSON.
func done(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	fmt.Fprint(w, http.StatusText(status))
}

func (d *designer) save() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	content, _ := json.Marshal(d.stored)
	if err := os.WriteFile(data, content, 0o644); err != nil {
		log.Print(err)
	}
}
