// What the scripts share: people with the devices they use, and words to the test
// that started the script. It gives the server's address, answers what it is asked,
// and takes each line for its log until DONE or FAILED.
import * as sdk from "matrix-js-sdk";
import { createInterface } from "node:readline";

export { sdk };
export const base = process.argv[2];
export const number = (n, otherwise) => Number(process.argv[3 + n] ?? otherwise);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for (const level of ["log", "info", "debug", "warn", "trace", "error"]) console[level] = () => {};
export const tell = (text) => process.stdout.write(text + "\n");

// ask has the test do something to the server, and waits until it is done.
export async function ask(what) {
    tell("ASK " + what);
    return (await lines.next()).value;
}

export function check(ok, what) {
    if (!ok) throw new Error("not so: " + what);
    tell("ok: " + what);
}

export function equal(got, want, what) {
    check(JSON.stringify(got) === JSON.stringify(want), `${what}: ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
}

// until waits for a condition that events bring about.
export async function until(what, test, ms = 60000) {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((next) => setTimeout(next, 25))) {
        const v = await test();
        if (v) return v;
    }
    throw new Error("never happened: " + what);
}

// play runs a script to its end, and tells how it went.
export async function play(script) {
    const failed = (e) => { tell("FAILED: " + String(e.stack ?? e).replaceAll("\n", " | ")); process.exit(1); };
    // Of its own accord the library asks for the relations of what it shows. Where a
    // server does not have them, that breaks nothing else.
    process.on("unhandledRejection", (e) => e?.errcode === "M_UNRECOGNIZED" && e.url?.includes("/relations/") || failed(e));
    process.on("uncaughtException", failed);
    try {
        await script();
        tell("DONE");
        process.exit(0);
    } catch (e) {
        failed(e);
    }
}

// Person is somebody at one device. What they know themselves, the keys that open
// their secret storage, goes with them to the next one.
export class Person {
    constructor(name, password = "correct horse " + name) {
        this.name = name;
        this.password = password;
        this.keys = {};
        this.syncs = []; // of each /sync: when, how long it took, its answer
    }

    async register() {
        await this.uses(await sdk.createClient({ baseUrl: base }).registerRequest({
            username: this.name, password: this.password, auth: { type: "m.login.dummy" },
            initial_device_display_name: this.name + "'s laptop",
        }));
        return this;
    }

    // loginOnce is the answer to a login.
    loginOnce(more = {}) {
        return sdk.createClient({ baseUrl: base }).loginRequest({
            type: "m.login.password", identifier: { type: "m.id.user", user: this.name }, password: this.password, ...more,
        });
    }

    // another is the same person at a new device.
    async another(options) {
        const p = new Person(this.name, this.password);
        p.keys = this.keys;
        await p.uses(await p.loginOnce(), options);
        return p;
    }

    async uses(login, { more = {}, crypto = true } = {}) {
        this.id = login.user_id;
        this.device = login.device_id;
        this.client = sdk.createClient({
            baseUrl: base, userId: login.user_id, deviceId: login.device_id, accessToken: login.access_token,
            timelineSupport: true, fetchFn: (...args) => this.fetch(...args),
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => {
                    const id = Object.keys(keys).find((k) => this.keys[k]);
                    return id ? [id, this.keys[id]] : null;
                },
                cacheSecretStorageKey: (id, _info, key) => { this.keys[id] = key; },
            },
            ...more,
        });
        this.crypto = crypto;
    }

    // fetch is the way to the server. Who is away has none: what is asked waits.
    async fetch(resource, options) {
        await this.away;
        const began = performance.now();
        const answer = await fetch(resource, options);
        if (new URL(resource).pathname.endsWith("/v3/sync") && answer.ok) {
            const body = await answer.clone().json();
            this.syncs.push({ at: began, took: performance.now() - began, body });
        }
        return answer;
    }

    goesAway() { this.away = new Promise((back) => { this.back = back; }); }

    comesBack() { this.away = undefined; this.back(); }

    async starts(options = {}) {
        if (this.crypto) await this.client.initRustCrypto({ useIndexedDB: false });
        await this.client.startClient({ initialSyncLimit: 50, ...options });
        await until(this.name + " syncs", () => this.client.isInitialSyncComplete());
        return this;
    }

    async secure() {
        const crypto = this.client.getCrypto();
        await crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: (request) => request({
                type: "m.login.password", identifier: { type: "m.id.user", user: this.id }, password: this.password,
            }),
        });
        this.recovery = await crypto.createRecoveryKeyFromPassphrase();
        await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => this.recovery, setupNewKeyBackup: true });
        await crypto.checkKeyBackupAndEnable();
        check(await crypto.isCrossSigningReady(), this.name + " has cross-signing");
        check(await crypto.isSecretStorageReady(), this.name + " has secret storage");
        check(await crypto.getActiveSessionBackupVersion(), this.name + " has a key backup");
    }

    // backsUp waits until the backup holds the keys of that many sessions.
    backsUp(n) {
        return until(`${n} sessions of ${this.name} are backed up`, async () =>
            (await this.client.http.authedRequest("GET", "/room_keys/version")).count >= n);
    }

    async creates(more) {
        return (await this.client.createRoom(more)).room_id;
    }

    // createsEncrypted makes a room with others, and waits until all are in.
    async createsEncrypted(others, more = {}) {
        const room = await this.creates({
            preset: "private_chat", invite: others.map((p) => p.id), ...more,
            initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
        });
        for (const p of others) {
            await until(p.name + " is invited", () => p.room(room)?.getMyMembership() === "invite");
            await p.client.joinRoom(room);
            await until(this.name + " sees " + p.name + " join", () => this.room(room)?.getMember(p.id)?.membership === "join");
            await until(p.name + " knows that it is encrypted", () => p.room(room)?.hasEncryptionStateEvent());
        }
        return room;
    }

    async say(room, body, more = {}) {
        return (await this.client.sendEvent(room, "m.room.message", { msgtype: "m.text", body, ...more })).event_id;
    }

    room(id) { return this.client.getRoom(id); }

    event(room, id) { return this.room(room)?.findEventById(id); }

    async reads(room, id, body) {
        const ev = await until(`${this.name} reads "${body}"`, () => {
            const e = this.event(room, id);
            return e && !e.isBeingDecrypted() && !e.isDecryptionFailure() && e.getContent().body === body ? e : null;
        }).catch((never) => {
            const e = this.event(room, id);
            throw new Error(never.message + (e ? `, but ${e.decryptionFailureReason ?? e.getContent().body}` : ", it has not come"));
        });
        check(ev.isEncrypted(), `${this.name} decrypts "${body}"`);
        return ev;
    }
}
