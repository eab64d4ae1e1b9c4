//! Series for charts: each instant of a day, 15-minute means of a week.
