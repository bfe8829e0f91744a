package kit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// client dials as Go does by default: up to 30 s against an address behind which nobody answers. No other limit, as in the
// originals. Tests that cannot wait that long set FAKE_DIAL_TIMEOUT_S.
var client = &http.Client{Transport: &http.Transport{
	DialContext:         (&net.Dialer{Timeout: dialTimeout()}).DialContext,
	MaxIdleConnsPerHost: 16,
}}

func dialTimeout() time.Duration {
	if seconds, err := strconv.ParseFloat(os.Getenv("FAKE_DIAL_TIMEOUT_S"), 64); err == nil {
		return time.Duration(seconds * float64(time.Second))
	}
	return 30 * time.Second
}

// Call sends `body` as JSON (nil: none) and reads the answer into `into`, when that is not nil. Any status is an answer.
func Call(method, url string, headers map[string]string, body, into any) (int, error) {
	var data []byte
	var err error
	if body != nil {
		if data, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	for name, value := range headers {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return answer.StatusCode, err
	}
	if into != nil && len(content) > 0 {
		err = json.Unmarshal(content, into)
	}
	return answer.StatusCode, err
}

// PoweredBy is the framework that the program names in its answers.
var PoweredBy = "go-json-rest"

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body any) {
	content, err := json.Marshal(body)
	if err != nil {
		log.Print(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Powered-By", PoweredBy)
	w.WriteHeader(status)
	_, _ = w.Write(content)
}

// Nothing answers with a status and no body.
func Nothing(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Powered-By", PoweredBy)
	w.WriteHeader(status)
}

// Silent answers 200 with neither a body nor a type, as handlers do that write nothing.
func Silent(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = nil
	w.Header().Set("X-Powered-By", PoweredBy)
}

// Failed answers with an error in the framework's form.
func Failed(w http.ResponseWriter, status int, reason string) {
	Reply(w, status, map[string]string{"Error": reason})
}

// Read takes a request's JSON body; false after it has answered 500, as the originals do.
func Read(w http.ResponseWriter, r *http.Request, into any) bool {
	content, err := io.ReadAll(r.Body)
	if err == nil && len(content) == 0 {
		err = errors.New("JSON payload is empty")
	}
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		Failed(w, http.StatusInternalServerError, err.Error())
	}
	return err == nil
}

// REST gives a mux the framework's words for what it does not know.
func REST(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if has(mux, r) {
			mux.ServeHTTP(w, r)
			return
		}
		for _, method := range []string{"GET", "POST", "DELETE", "PUT"} {
			other := r.Clone(r.Context())
			other.Method = method
			if has(mux, other) {
				Failed(w, http.StatusMethodNotAllowed, "Method not allowed")
				return
			}
		}
		Failed(w, http.StatusNotFound, "Resource not found")
	})
}

// has does not count a redirect to the same path with a slash.
func has(mux *http.ServeMux, r *http.Request) bool {
	_, pattern := mux.Handler(r)
	return pattern != "" && (strings.HasSuffix(r.URL.Path, "/") || !strings.HasSuffix(pattern, "/{$}"))
}

// Serve listens on a port until the program ends.
func Serve(port int, handler http.Handler) {
	log.Printf("listening on %d", port)
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", port), handler))
}
