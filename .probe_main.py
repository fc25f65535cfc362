import time
from devora_console.cli.demo_command import configured, set_up
from devora_console.cli.door import Door
from devora_console.demo.data import Scale
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.services import build_services

def main():
    door = Door()
    with DemoServers(temporary_home(), narrate=print) as servers:
        configured(door, set_up(door, servers, Scale.MEDIUM, 1))
        s = build_services(door.effective, door.guard)
        m = s._migrating
        log=[]
        orig = m._report
        began=time.monotonic()
        def rep(snap):
            orig(snap)
            log.append((time.monotonic()-began, m.snapshot))
        m._report = rep
        def run(act):
            log.clear()
            s.loop.call(act)
            t=time.monotonic()
            while s.migration().state.value in ("idle","running","paused","stopping") and time.monotonic()-t<120: time.sleep(0.05)
            last=None
            for at, x in log:
                key=(x.phase, x.waiting_for, len(x.phases))
                if key!=last:
                    last=key
                    print(f"{at:7.2f} {x.state} {x.phase} tot={x.rows_total if isinstance(x.rows_total,int) else '?'} done={x.rows_done} wait={x.waiting_for!r} thr={x.throttled_by!r} rates={len(x.rates)} w={[(w.name,round(w.rows_per_second),round(w.waiting,2),w.batches) for w in x.workers]} batch={x.batch_bytes}")
            x=s.migration()
            for p in x.phases: print('  ',p)
            print(x.seconds, sum(p.seconds for p in x.phases), x.state, x.problem)
            print('rates', [(round(r.at,1), round(r.rows_per_second)) for r in x.rates])
        run(s.dry_run())
        run(s.execute(s.execute_preview().type_name))
        wr=[x for at,x in log if x.phase and x.phase.value=="write"]
        for x in wr[::5]: print([(c.name,c.state.value,c.written) for c in x.collections][:5], x.workers[:2])
        run(s.verify())
        s.loop.call(s.stop(),10); s.loop.close()
if __name__ == "__main__": main()
