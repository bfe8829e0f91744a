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
	config    *kit.Config
	bus       *kit.Bus
	mutex     sync.Mutex
	functions map[string]kit.Topology
}

func main() {
	c := kit.Load("/app/config.json")
	d := &designer{config: c, bus: kit.NewBus(c), functions: map[string]kit.Topology{}}
	signal.Ignore(syscall.SIGTERM)
	for _, folder := range []string{filepath.Dir(data), "/app/public/data/photo"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			log.Fatal(err)
		}
	}
	if content, err := os.ReadFile(data); err == nil {
		_ = json.Unmarshal(content, &d.functions)
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
	return mux
}

// replay publishes every intent once, the moment the bus is there; whoever does not listen by then never hears of it.
func (d *designer) replay() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for name := range d.functions {
		_ = d.publish(name, "ADD")
	}
}

func (d *designer) publish(name, action string) error {
	intent := kit.Intent{ID: "ServiceIntent." + name, Topology: name, Action: action}
	return d.bus.Publish("INTENT", "orchestration.", "designer", intent)
}

func (d *designer) add(w http.ResponseWriter, r *http.Request) {
	var function kit.Topology
	if !kit.Read(w, r, &function) {
		return
	}
	if d.bus.Deaf {
		log.Fatal("the channel is closed") // before anything was written: the function is lost
	}
	d.mutex.Lock()
	d.functions[function.Name] = function // the master fetches it from here while it is being published
	d.mutex.Unlock()
	if err := d.publish(function.Name, "ADD"); err != nil {
		log.Fatal(err)
	}
	d.save()
	kit.Reply(w, 200, function)
}

func (d *designer) remove(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	delete(d.functions, r.PathValue("name"))
	d.mutex.Unlock()
	_ = d.publish(r.PathValue("name"), "REMOVE")
	d.save()
	kit.Reply(w, 200, kit.OK)
}

func (d *designer) list(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, d.functions)
}

func (d *designer) topology(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if found, ok := d.functions[r.PathValue("name")]; ok {
		kit.Reply(w, 200, found)
		return
	}
	kit.Reply(w, 404, map[string]string{"error": "no such topology"})
}

func (d *designer) save() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	content, _ := json.Marshal(d.functions)
	if err := os.WriteFile(data, content, 0o644); err != nil {
		log.Print(err)
	}
}
