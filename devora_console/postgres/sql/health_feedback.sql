-- What: whether this standby tells its primary which rows its queries still need, and how long replay waits for them.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT current_setting('hot_standby_feedback')::boolean AS feedback,
       current_setting('max_standby_streaming_delay') AS patience
