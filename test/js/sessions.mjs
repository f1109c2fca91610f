// Access tokens run out: the client refreshes by itself, once, and loses nothing. One
// that cannot refresh is logged out softly and goes on as the same device. Who logs
// out everywhere is out everywhere.
import { Person, ask, base, check, equal, play, sdk, until } from "./people.mjs";

function refreshing(p) {
    p.refreshes = 0;
    return async (token) => {
        p.refreshes++;
        const t = await sdk.createClient({ baseUrl: base }).refreshToken(token);
        if (p.losesAnswer) {
            p.losesAnswer = false;
            throw new Error("the connection broke");
        }
        return { accessToken: t.access_token, refreshToken: t.refresh_token };
    };
}

// loggedOut is the error with which a client learns that its session is over.
const loggedOut = (p) => new Promise((out) => p.client.once("Session.logged_out", out));

await play(async () => {
    const alice = await new Person("alice").register();
    const login = await alice.loginOnce({ refresh_token: true });
    check(login.refresh_token && login.expires_in_ms > 0, "the login gives a token that runs out and one to refresh it");
    await alice.uses(login, { more: { refreshToken: login.refresh_token, tokenRefreshFunction: refreshing(alice) } });
    await alice.starts();
    const bob = await (await new Person("bob").register()).starts();
    const room = await alice.createsEncrypted([bob]);
    await bob.reads(room, await alice.say(room, "before"), "before");

    await ask("time passes");
    const sent = await Promise.all(["a", "b", "c", "d", "e"].map(async (text) => [await alice.say(room, text), text]));
    for (const [id, text] of sent) await bob.reads(room, id, text);
    await alice.reads(room, await bob.say(room, "an answer"), "an answer");
    equal(alice.refreshes, 1, "five messages and a sync needed one refresh");
    const said = bob.room(room).getLiveTimeline().getEvents().filter((e) => e.getType() === "m.room.message").length;
    equal(said, 7, "everything was said once");

    await ask("time passes");
    alice.losesAnswer = true;
    await bob.reads(room, await alice.say(room, "after a lost answer"), "after a lost answer");
    await alice.reads(room, await bob.say(room, "good"), "good");
    equal(alice.refreshes, 3, "a lost answer cost one refresh more");

    // A second device cannot refresh.
    const second = await alice.another();
    const poor = await second.loginOnce({ refresh_token: true, device_id: second.device });
    await second.uses(poor);
    await second.starts();
    const softly = loggedOut(second);
    await ask("time passes");
    equal((await softly).data.soft_logout, true, "the second device is logged out softly");
    const again = await second.loginOnce({ device_id: second.device });
    equal(again.device_id, second.device, "it logs in as the same device");
    second.client.setAccessToken(again.access_token);
    second.client.clientRunning = false; // as when the app starts anew, with the keys that it has
    await second.client.startClient();
    await until("bob knows the second device", async () => (await bob.client.getCrypto().getUserDeviceInfo([alice.id])).get(alice.id).has(second.device));
    const news = await bob.say(room, "news");
    await second.reads(room, news, "news");
    await alice.reads(room, news, "news");

    // One device logs out, then all do.
    const third = await (await alice.another()).starts();
    const { devices } = await alice.client.getDevices();
    equal(devices.length, 4, "Alice has four devices");
    const out = loggedOut(third);
    await third.client.logout();
    await alice.say(room, "wake up");
    third.client.whoami().catch(() => {});
    equal((await out).data.soft_logout ?? false, false, "who logs out is out for good");
    await bob.reads(room, await alice.say(room, "still here"), "still here");
    const all = [alice, second].map(loggedOut);
    await alice.client.http.authedRequest("POST", "/logout/all", undefined, {});
    await second.client.whoami().catch(() => {});
    await alice.client.whoami().catch(() => {});
    for (const e of await Promise.all(all)) equal(e.data.soft_logout ?? false, false, "who logs out everywhere is out at each device");
    await until("bob sees no device of Alice", async () => (await bob.client.getCrypto().getUserDeviceInfo([alice.id], true)).get(alice.id)?.size === 0);
});
