"""The pages people use: GET shows, POST acts, and nothing needs JavaScript."""
