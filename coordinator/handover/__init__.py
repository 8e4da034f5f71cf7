"""The work of somebody who leaves, given to a colleague in one step."""
