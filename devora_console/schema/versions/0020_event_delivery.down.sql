-- what: forgets what became of events; the events stay, and none of those is sent again

DROP FUNCTION IF EXISTS public.devora_event_delivery();
DROP FUNCTION IF EXISTS public.devora_events_waiting();
DROP FUNCTION IF EXISTS public.devora_retry_events();
DROP FUNCTION IF EXISTS public.devora_settle_events(uuid[], text, text, double precision, text);
DROP FUNCTION IF EXISTS public.devora_take_events(integer, double precision, text);
DROP FUNCTION IF EXISTS public.devora_claim_users();
DROP FUNCTION IF EXISTS public.devora_record_events(jsonb, text);
DROP FUNCTION IF EXISTS devora_console.sees_all_events();
DROP TABLE IF EXISTS devora_console.event_delivery;
DROP TABLE IF EXISTS devora_console.event_unclaimed;
DROP TABLE IF EXISTS devora_console.event_delivered;
DROP TABLE IF EXISTS devora_console.event_waiting;
