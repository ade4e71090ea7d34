/*
 * script.c - Lua scripts of a simulated Redis: Debian's Lua 5.1, the one that Redis has.
 * [simulator]
 */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis.h"
#include "tests/chaos/simulator/store.h"

#define ARGS_MOST    2048
#define SCRIPTS_MOST 64

static lua_State *lua;
/* Scripts are found by their text's address: share_scripts() sees that a text has one. */
static struct {
	const char *source;
	int function;
} scripts[SCRIPTS_MOST];
static int script_count;

/* ---- Redis' conversions (redis.io, "Lua to RESP2 type conversion") ---- */

static void
push_reply(lua_State *l, const redisReply *reply)
{
	switch (reply->type) {
	case REDIS_REPLY_INTEGER:
		lua_pushnumber(l, (lua_Number)reply->integer);
		return;
	case REDIS_REPLY_STRING:
		lua_pushlstring(l, reply->str, reply->len);
		return;
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		lua_createtable(l, 0, 1);
		lua_pushlstring(l, reply->str, reply->len);
		lua_setfield(l, -2, reply->type == REDIS_REPLY_STATUS ? "ok" : "err");
		return;
	case REDIS_REPLY_ARRAY:
		lua_createtable(l, (int)reply->elements, 0);
		for (size_t i = 0; i < reply->elements; i++) {
			push_reply(l, reply->element[i]);
			lua_rawseti(l, -2, (int)i + 1);
		}
		return;
	default:
		lua_pushboolean(l, 0);
	}
}

static redisReply *take_table(lua_State *l);

/* The value on top of the stack as a reply; it is popped. */
static redisReply *
take_value(lua_State *l)
{
	redisReply *reply;

	switch (lua_type(l, -1)) {
	case LUA_TNUMBER:
		reply = store_reply_integer((long long)lua_tonumber(l, -1));
		break;
	case LUA_TSTRING:
		reply = store_reply_text(lua_tostring(l, -1));
		break;
	case LUA_TBOOLEAN:
		reply = lua_toboolean(l, -1) ? store_reply_integer(1) : store_reply_text(NULL);
		break;
	case LUA_TTABLE:
		reply = take_table(l);
		break;
	default:
		reply = store_reply_text(NULL);
	}
	lua_pop(l, 1);
	return reply;
}

/* An array ends at its first nil. The table stays on the stack. */
static redisReply *
take_table(lua_State *l)
{
	redisReply *reply;
	size_t count = 0;

	lua_getfield(l, -1, "err");
	if (lua_type(l, -1) == LUA_TSTRING) {
		reply = store_reply_error("%s", lua_tostring(l, -1));
		lua_pop(l, 1);
		return reply;
	}
	lua_pop(l, 1);
	for (;;) {
		lua_rawgeti(l, -1, (int)count + 1);
		if (lua_isnil(l, -1))
			break;
		lua_pop(l, 1);
		count++;
	}
	lua_pop(l, 1);
	reply = store_reply_array(count);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(l, -1, (int)i + 1);
		reply->element[i] = take_value(l);
	}
	return reply;
}

/* ---- redis.call and redis.pcall ---- */

static redisReply *
run_call(lua_State *l)
{
	static char numbers[ARGS_MOST][32];
	static const char *argv[ARGS_MOST];
	int argc = lua_gettop(l);

	if (argc == 0 || argc > ARGS_MOST)
		return store_reply_error("ERR a script's call has %d arguments", argc);
	for (int i = 0; i < argc; i++) {
		if (lua_type(l, i + 1) == LUA_TNUMBER) {
			snprintf(numbers[i], sizeof(numbers[i]), "%.17g", lua_tonumber(l, i + 1));
			argv[i] = numbers[i];
		} else if (lua_type(l, i + 1) == LUA_TSTRING) {
			argv[i] = lua_tostring(l, i + 1);
		} else {
			return store_reply_error("ERR Lua redis() command arguments must be "
						 "strings or integers");
		}
	}
	return store_command(argc, argv);
}

static int
call(lua_State *l)
{
	redisReply *reply = run_call(l);
	bool failed = reply->type == REDIS_REPLY_ERROR;

	push_reply(l, reply);
	redis_reply_free(reply);
	return failed ? lua_error(l) : 1;
}

static int
pcall_(lua_State *l)
{
	redisReply *reply = run_call(l);

	push_reply(l, reply);
	redis_reply_free(reply);
	return 1;
}

/* ---- the interpreter ---- */

static void
open_lua(void)
{
	static const luaL_Reg calls[] = {{"call", call}, {"pcall", pcall_}, {NULL, NULL}};

	lua = luaL_newstate();
	if (lua == NULL)
		abort();
	luaL_openlibs(lua);
	luaL_register(lua, "redis", calls);
	lua_pop(lua, 1);
	if (luaL_dostring(lua, "cjson = require('cjson')") != 0) {
		fprintf(stderr, "simulator: %s\n", lua_tostring(lua, -1));
		abort();
	}
}

static int
function_of(const char *source)
{
	for (int i = 0; i < script_count; i++) {
		if (scripts[i].source == source)
			return scripts[i].function;
	}
	if (luaL_loadbuffer(lua, source, strlen(source), "@script") != 0) {
		fprintf(stderr, "simulator: %s\n", lua_tostring(lua, -1));
		abort();
	}
	if (script_count == SCRIPTS_MOST)
		abort();
	scripts[script_count].source = source;
	scripts[script_count].function = luaL_ref(lua, LUA_REGISTRYINDEX);
	return scripts[script_count++].function;
}

static void
set_list(const char *name, int count, const char *const *values)
{
	lua_createtable(lua, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushstring(lua, values[i]);
		lua_rawseti(lua, -2, i + 1);
	}
	lua_setglobal(lua, name);
}

redisReply *
store_script(const char *source, int key_count, int argc, const char *const *argv)
{
	redisReply *reply;

	if (lua == NULL)
		open_lua();
	store_before_change();
	set_list("KEYS", key_count, argv);
	set_list("ARGV", argc - key_count, argv + key_count);
	lua_rawgeti(lua, LUA_REGISTRYINDEX, function_of(source));
	if (lua_pcall(lua, 0, 1, 0) == 0)
		return take_value(lua);
	/* A command that failed raises its error reply, Lua itself a text. */
	if (lua_istable(lua, -1)) {
		lua_getfield(lua, -1, "err");
		lua_remove(lua, -2);
	}
	reply = store_reply_error("ERR Error running script: %s", lua_tostring(lua, -1));
	lua_pop(lua, 1);
	return reply;
}
