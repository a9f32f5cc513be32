package sqlite

const envCrashFile = "PATCHBAY_TEST_CRASH_FILE"

func writeUntilKilled(string) {}
