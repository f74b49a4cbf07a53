"""What a run tells: metrics, time, pictures and traces, of one process of many."""
