# Aliases for ./dev, for those whose fingers type make. Must not hold a rule of its own. ARGS="..." is passed on.
COMMANDS = build run debug annotate lint format type test kernel-test fuzz bench load check clean help
.PHONY: $(COMMANDS)
.DEFAULT_GOAL = help
$(COMMANDS):
	@./dev $@ $(ARGS)
