// A PKCS#11 library that passes every call on to another one (SHIM_TARGET), except where a file in the directory
// SHIM_ORDERS says otherwise:
//
//   C_Xyz.fail    "<code> <n>": the next n calls return that code, in hex, without being passed on
//   C_Xyz.succeed calls do nothing and succeed
//   C_Xyz.hang    calls wait until the file is gone
//   C_Xyz.count   a byte is appended for each call
//   C_Xyz.begun.count  the same, before it hangs
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "pkcs11go.h"

static CK_FUNCTION_LIST list;      // what callers get
static CK_FUNCTION_LIST_PTR real;  // what does the work
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void path(char *out, size_t size, const char *function, const char *what) {
	snprintf(out, size, "%s/%s.%s", getenv("SHIM_ORDERS"), function, what);
}

static int told(const char *function, const char *what) {
	char file[512];
	path(file, sizeof file, function, what);
	return access(file, F_OK) == 0;
}

static void tally(const char *function, const char *what) {
	char file[512];
	FILE *f;
	path(file, sizeof file, function, what);
	pthread_mutex_lock(&lock);
	if (access(file, F_OK) == 0 && (f = fopen(file, "a"))) {
		fputc('.', f);
		fclose(f);
	}
	pthread_mutex_unlock(&lock);
}

static CK_RV orders(const char *function) {
	char file[512];
	unsigned long code = 0;
	int n = 0;
	FILE *f;

	tally(function, "begun.count");
	path(file, sizeof file, function, "hang");
	while (access(file, F_OK) == 0) usleep(2000);
	tally(function, "count");

	pthread_mutex_lock(&lock);
	path(file, sizeof file, function, "fail");
	if ((f = fopen(file, "r"))) {
		if (fscanf(f, "%lx %d", &code, &n) != 2) n = 0;
		fclose(f);
		if (n > 0 && (f = fopen(file, "w"))) {
			fprintf(f, "%lx %d", code, n - 1);
			fclose(f);
		}
	}
	pthread_mutex_unlock(&lock);
	return n > 0 ? code : CKR_OK;
}

#define PASS(name, parameters, arguments)  \
	static CK_RV shim_##name parameters {  \
		CK_RV rv = orders(#name);          \
		if (told(#name, "succeed")) return CKR_OK; \
		return rv ? rv : real->name arguments; \
	}

PASS(C_Initialize, (CK_VOID_PTR a), (a))
PASS(C_Finalize, (CK_VOID_PTR a), (a))
PASS(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, CK_VOID_PTR c, CK_NOTIFY d, CK_SESSION_HANDLE_PTR e), (a, b, c, d, e))
// C_GetTokenInfo.flags holds flags, in hex, that every token shows beside its own.
static CK_RV shim_C_GetTokenInfo(CK_SLOT_ID a, CK_TOKEN_INFO_PTR b) {
	char file[512];
	unsigned long flags;
	FILE *f;
	CK_RV rv = real->C_GetTokenInfo(a, b);
	path(file, sizeof file, "C_GetTokenInfo", "flags");
	if (rv == CKR_OK && (f = fopen(file, "r"))) {
		if (fscanf(f, "%lx", &flags) == 1) b->flags |= flags;
		fclose(f);
	}
	return rv;
}

PASS(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d), (a, b, c, d))
PASS(C_EncryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
PASS(C_DecryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
PASS(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
PASS(C_WrapKey, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c, CK_OBJECT_HANDLE d, CK_BYTE_PTR e, CK_ULONG_PTR f), (a, b, c, d, e, f))

// A token that gives in: with C_SetAttributeValue.succeed the object reads as extractable from then on.
static CK_OBJECT_HANDLE given;

static CK_RV shim_C_SetAttributeValue(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d) {
	if (!told("C_SetAttributeValue", "succeed")) return real->C_SetAttributeValue(a, b, c, d);
	given = b;
	return CKR_OK;
}

static CK_RV shim_C_GetAttributeValue(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d) {
	CK_RV rv = real->C_GetAttributeValue(a, b, c, d);
	if (rv == CKR_OK && d == 1 && c->type == CKA_EXTRACTABLE && c->pValue && b == given &&
	    told("C_SetAttributeValue", "succeed"))
		*(CK_BBOOL *)c->pValue = CK_TRUE;
	return rv;
}

PASS(C_GenerateKey, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_OBJECT_HANDLE_PTR e), (a, b, c, d, e))
PASS(C_CreateObject, (CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c, CK_OBJECT_HANDLE_PTR d), (a, b, c, d))

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
	void *target = dlopen(getenv("SHIM_TARGET"), RTLD_NOW | RTLD_LOCAL);
	if (!target) return CKR_GENERAL_ERROR;
	CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(target, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
	list = *real;
	list.C_Initialize = shim_C_Initialize;
	list.C_Finalize = shim_C_Finalize;
	list.C_OpenSession = shim_C_OpenSession;
	list.C_GetTokenInfo = shim_C_GetTokenInfo;
	list.C_Login = shim_C_Login;
	list.C_EncryptInit = shim_C_EncryptInit;
	list.C_DecryptInit = shim_C_DecryptInit;
	list.C_SignInit = shim_C_SignInit;
	list.C_WrapKey = shim_C_WrapKey;
	list.C_SetAttributeValue = shim_C_SetAttributeValue;
	list.C_GetAttributeValue = shim_C_GetAttributeValue;
	list.C_GenerateKey = shim_C_GenerateKey;
	list.C_CreateObject = shim_C_CreateObject;
	*out = &list;
	return CKR_OK;
}
