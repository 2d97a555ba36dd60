/* lua_run SCRIPT WORDS: the Lua interpreter as a library, with its standard modules; the script finds the words in `arg`. */
#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

int main(int count, char **words)
{
    lua_State *lua = luaL_newstate();

    if (!lua || count < 2)
        return 2;
    luaL_openlibs(lua);
    lua_newtable(lua);
    for (int i = 2; i < count; i++) {
        lua_pushstring(lua, words[i]);
        lua_rawseti(lua, -2, i - 1);
    }
    lua_setglobal(lua, "arg");
    if (luaL_dofile(lua, words[1])) {
        fprintf(stderr, "%s\n", lua_tostring(lua, -1));
        return 1;
    }
    lua_close(lua);
    return 0;
}
