package ownership

// CheckAs is Check for a process of another user.
func CheckAs(uid int, path string) error { return user(uid).check(path) }
