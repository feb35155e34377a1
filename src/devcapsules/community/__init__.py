"""Progress of learners, teams that share capsules, and reports of public capsules."""
