package haproxy

import (
	"os"
	"testing"
)

func FuzzParseStates(f *testing.F) {
	seed, err := os.ReadFile("testdata/states.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add("1\n# be_id be_name srv_name\n3 be h1\n\n")
	f.Fuzz(func(t *testing.T, reply string) {
		servers, err := parseStates(reply, "be")
		for _, srv := range servers {
			if err != nil || srv.backend != "be" || !validName.MatchString(srv.name) || srv.op > opLast || srv.age < 0 {
				t.Errorf("%+v, %v", srv, err)
			}
		}
	})
}

func FuzzParseStats(f *testing.F) {
	seed, err := os.ReadFile("testdata/stat.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add("# pxname,svname,scur,rate,status\nbe,h1,\"0\",,UP\n\n")
	f.Fuzz(func(t *testing.T, reply string) {
		stats, err := parseStats(reply, "be")
		if err != nil && stats != nil {
			t.Errorf("%v, %v", stats, err)
		}
		for _, st := range stats {
			if n, known := st.sessions.Get(); known && n < 0 {
				t.Errorf("%+v", st)
			}
		}
	})
}
