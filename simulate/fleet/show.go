package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fakeVersion is the HAProxy whose answers these are.
const fakeVersion = "2.6.12-simulated"

const stateColumns = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"

const connColumns = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]"

const statColumns = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-,ssl_sess,ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,h1_open_connections,h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out,"

// The cells that an idle server and an idle backend have: what is not set from
// the balancer's state. They tell a 0 from a cell that does not apply.
const (
	statServer  = "be,h1,0,0,0,0,,0,0,0,,0,,0,0,0,0,UP,1,1,0,0,0,2,0,,1,3,1,,0,,2,0,,0,L4OK,,0,0,0,0,0,0,0,,,,0,0,0,,,,,-1,,,0,0,0,0,,,,Layer4 check passed,,2,3,4,,,,127.0.0.1:1,,http,,,,,,,,0,0,0,,,0,,0,0,0,0,0,0,0,0,1,1,,,,-,0,0,0,,,,,,,,,,,,,,,,,,,,,,"
	statBackend = "be,BACKEND,0,0,0,0,999,0,0,0,0,0,,0,0,0,0,UP,3,3,0,,0,2,0,,1,3,0,,0,,1,0,,0,,,,0,0,0,0,0,0,,,,0,0,0,0,0,0,0,-1,,,0,0,0,0,,,,,,,,,,,,,,http,roundrobin,,,,,,,0,0,0,0,0,,,0,0,0,0,0,,,,,3,0,0,0,-,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
)

// serverWeight is every server's weight: 100, so that percentages of it work.
const serverWeight = 100

func (b *balancer) has(name string) bool {
	return slices.Contains(b.opts.Hosts, name)
}

func seconds(d time.Duration) string { return strconv.FormatInt(max(int64(d/time.Second), 0), 10) }

// status is the status column of show stat. A drained server that fails its
// check shows only DOWN.
func (s *backendServer) status() string {
	switch {
	case s.admin == Maint:
		return "MAINT"
	case s.down:
		return "DOWN"
	case s.admin == Drain:
		return "DRAIN"
	}
	return "UP"
}

func (b *balancer) showState(backend string) string {
	if backend != "" && backend != b.opts.Backend {
		return "Can't find backend.\n"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	var out strings.Builder
	out.WriteString("1\n" + stateColumns + "\n")
	for _, s := range b.servers {
		op, check := 2, "6 3 4 6 0"
		switch {
		case s.admin == Maint:
			op, check = 0, "1 0 0 14 0"
		case s.down:
			op, check = 0, "8 2 0 6 0"
		}
		admin := map[string]int{Ready: 0, Drain: 8, Maint: 1}[s.admin]
		fmt.Fprintf(&out, "%d %s %d %s 127.0.0.1 %d %d %d %d %s %s 0 0 - %d - 0 0 - - 0\n",
			b.instID, b.opts.Backend, s.id, s.name, op, admin, serverWeight, serverWeight,
			seconds(now.Sub(s.lastChange)), check, s.port)
	}
	return out.String()
}

func (b *balancer) showConn(backend string) string {
	if backend != "" && backend != b.opts.Backend {
		return "Can't find backend.\n"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	var out strings.Builder
	out.WriteString(connColumns + "\n")
	for _, s := range b.servers {
		n := b.sessions(s, now)
		fmt.Fprintf(&out, "%s/%s %d/%d 127.0.0.1 %d - 5000 %d %d %d 0 0 -1 0 0 0\n",
			b.opts.Backend, s.name, b.instID, s.id, s.port, n, max(n, 1), max(n, 1))
	}
	return out.String()
}

// showStat answers `show stat [proxy [types id]]`: types is a set of 1 for
// frontends, 2 for backends and 4 for servers; -1 stands for all of them.
func (b *balancer) showStat(proxy, types, id string) string {
	switch proxy {
	case "", "-1", b.opts.Backend, strconv.Itoa(b.instID):
	case "json", "typed", "desc", "up", "no-maint":
		return "The simulated HAProxy shows its statistics as CSV only.\n"
	default:
		return "No such proxy.\n"
	}
	kinds, only := -1, -1
	if types != "" {
		kinds, _ = strconv.Atoi(types)
		only, _ = strconv.Atoi(id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	var out strings.Builder
	out.WriteString("# " + statColumns + "\n")
	sessions, rate, active := 0, 0, 0
	for _, s := range b.servers {
		n, r := b.sessions(s, now), b.rate(s, now)
		sessions, rate = sessions+n, rate+r
		if s.takes() {
			active++
		}
		if kinds&4 != 0 && (only == -1 || only == s.id) {
			out.WriteString(b.serverRow(s, n, r, now))
		}
	}
	if kinds&2 != 0 && (only == -1 || only == 0) {
		status := "UP"
		if active == 0 {
			status = "DOWN"
		}
		out.WriteString(fill(statBackend, map[string]string{
			"pxname": b.opts.Backend, "scur": strconv.Itoa(sessions), "smax": strconv.Itoa(sessions),
			"status": status, "weight": strconv.Itoa(active * serverWeight), "act": strconv.Itoa(active),
			"lastchg": seconds(now.Sub(b.started)), "iid": strconv.Itoa(b.instID), "rate": strconv.Itoa(rate),
			"rate_max": strconv.Itoa(rate), "uweight": strconv.Itoa(active * serverWeight),
		}))
	}
	return out.String()
}

func (b *balancer) serverRow(s *backendServer, sessions, rate int, now time.Time) string {
	cells := map[string]string{
		"pxname": b.opts.Backend, "svname": s.name, "scur": strconv.Itoa(sessions), "smax": strconv.Itoa(max(sessions, b.opts.Sessions)),
		"status": s.status(), "weight": strconv.Itoa(serverWeight), "lastchg": seconds(now.Sub(s.lastChange)),
		"iid": strconv.Itoa(b.instID), "sid": strconv.Itoa(s.id), "rate": strconv.Itoa(rate), "rate_max": strconv.Itoa(b.opts.SessionRate),
		"addr": "127.0.0.1:" + strconv.Itoa(s.port), "uweight": strconv.Itoa(serverWeight),
	}
	switch {
	case s.admin == Maint:
		cells["check_status"], cells["check_desc"], cells["check_health"] = "", "", "0"
	case s.down:
		cells["check_status"], cells["check_desc"], cells["check_health"] = "L4CON", "Layer4 connection problem", "0"
		cells["last_chk"] = "Connection refused"
	}
	return fill(statServer, cells)
}

// fill puts cells into a row of show stat by the names of their columns.
func fill(row string, cells map[string]string) string {
	values := strings.Split(row, ",")
	for i, column := range strings.Split(statColumns, ",") {
		if v, ok := cells[column]; ok {
			values[i] = v
		}
	}
	return strings.Join(values, ",") + "\n"
}

func (b *balancer) showInfo() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	up := max(b.clock.Now().Sub(b.started), 0)
	days := int(up / (24 * time.Hour))
	rest := up - time.Duration(days)*24*time.Hour
	return fmt.Sprintf(`Name: HAProxy
Version: %s
Release_date: 2026/10/17
Nbthread: 2
Nbproc: 1
Process_num: 1
Pid: 4242
Uptime: %dd %dh%02dm%02ds
Uptime_sec: %s
node: simulated
Stopping: 0
Build info: %s
Start_time_sec: %d
Tainted: 0
`, fakeVersion, days, int(rest.Hours()), int(rest.Minutes())%60, int(rest.Seconds())%60, seconds(up), fakeVersion, b.started.Unix())
}
