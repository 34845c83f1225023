//! Statistics: counters, the event journal, reports.
