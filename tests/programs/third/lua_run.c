/* lua_run SCRIPT: the Lua interpreter as a library, with its standard modules, over one script. */
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
    if (luaL_dofile(lua, words[1])) {
        fprintf(stderr, "%s\n", lua_tostring(lua, -1));
        return 1;
    }
    lua_close(lua);
    return 0;
}
