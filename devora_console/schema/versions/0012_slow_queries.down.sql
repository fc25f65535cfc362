-- what: removes the view slow_queries; the extension stays

DROP VIEW IF EXISTS public.slow_queries;
