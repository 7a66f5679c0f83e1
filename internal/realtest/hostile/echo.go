package hostile

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Marker is planted beside secrets and is none: where it is not found, a secret
// would not have been found either.
const Marker = "marker-that-is-no-secret"

// Echoes are the ways in which a server gives back the credentials that it got.
func Echoes() []func(w http.ResponseWriter, auth string) {
	status := func(code int, kind, text string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, auth string) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("WWW-Authenticate", "Bearer realm="+auth)
			w.Header().Set("X-Request-Authorization", auth)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, strings.ReplaceAll(text, "AUTH", auth))
		}
	}
	inJSON := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err) // a string always has JSON
		}
		return strings.Trim(string(b), `"`)
	}
	jsonError := func(code int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, auth string) {
			status(code, "application/json", `{"status":"error","errorType":"bad_data","error":"`+Marker+` AUTH"}`)(w, inJSON(auth))
		}
	}
	return []func(http.ResponseWriter, string){
		jsonError(400), jsonError(401), jsonError(422), jsonError(503), jsonError(200),
		status(401, "text/plain", Marker+" AUTH"),
		status(500, "text/plain", Marker+" AUTH "),
		status(403, "text/html", "<p>"+Marker+" AUTH</p>"),
		status(200, "text/html", "<p>"+Marker+" AUTH</p>"),
		status(200, "application/json", "AUTH"),
		func(w http.ResponseWriter, auth string) {
			status(200, "application/json", `{"status":"success","warnings":["`+Marker+` AUTH"],"data":{"resultType":"matrix","result":[]}}`)(w, inJSON(auth))
		},
		func(w http.ResponseWriter, auth string) {
			status(200, "application/json", `{"status":"AUTH","data":{"resultType":"AUTH","result":[]}}`)(w, inJSON(auth))
		},
		func(w http.ResponseWriter, auth string) {
			status(200, "application/json", `{"status":"success","data":{"resultType":"AUTH","result":[]}}`)(w, inJSON(auth))
		},
		func(w http.ResponseWriter, auth string) {
			status(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"host":"AUTH","x":"AUTH"},"values":[[1,"AUTH"]]}]}}`)(w, inJSON(auth))
		},
		func(w http.ResponseWriter, auth string) {
			status(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"host":"AUTH"},"values":[[1,"0"]]}]}}`)(w, inJSON(auth))
		},
		func(w http.ResponseWriter, auth string) {
			w.Header().Set("Location", "http://elsewhere.invalid/?token="+url.QueryEscape(auth))
			w.WriteHeader(http.StatusFound)
		},
		func(w http.ResponseWriter, auth string) {
			w.Header().Set("Location", "://"+auth)
			w.WriteHeader(http.StatusFound)
		},
		func(w http.ResponseWriter, auth string) {
			w.Header().Set("Content-Encoding", strings.ReplaceAll(auth, "\n", ""))
			_, _ = io.WriteString(w, auth)
		},
		func(w http.ResponseWriter, auth string) { // an answer nobody asked for
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"+auth+"\r\n"+auth)
			// Until the client has looked at the connection and hung up.
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = c.Read(make([]byte, 1))
		},
		func(w http.ResponseWriter, auth string) { // not HTTP
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, auth+"\r\n\r\n")
		},
		func(w http.ResponseWriter, auth string) { // a header that is none
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+auth+"\r\n\r\n")
		},
	}
}
