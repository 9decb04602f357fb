-- Which of the jobs have what they may bill reserved, or have billed it.
SELECT job_id FROM refresh.refresh_job_cost WHERE job_id = ANY (CAST(:job_ids AS text[]))
