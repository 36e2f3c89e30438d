// A JavaScript peer on ilp-plugin-http and ilp-packet. Prints one JSON object a line; ends when its standard input does.
//
//   node peer.js '{"url": "...", "send": 10, "outgoing": {...}, "incoming": {...}, "destination": "g.x"}'
//
// It fulfills what it receives with the preimage it finds in `data`, and rejects anything else with F99.
'use strict'

const { createHash, randomBytes } = require('crypto')
const IlpPacket = require('ilp-packet')
const PluginHttp = require('ilp-plugin-http')

const options = JSON.parse(process.argv[2])
const say = (object) => process.stdout.write(JSON.stringify(object) + '\n')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

const plugin = new PluginHttp({
  incoming: { port: 0, ...options.incoming },
  outgoing: { url: options.url, ...options.outgoing }
})

plugin.registerDataHandler(async (packet) => {
  const prepare = IlpPacket.deserializeIlpPrepare(packet)
  const preimage = prepare.data.slice(0, 32)
  if (sha256(preimage).equals(prepare.executionCondition)) {
    return IlpPacket.serializeIlpFulfill({ fulfillment: preimage, data: prepare.data })
  }
  return IlpPacket.serializeIlpReject({ code: 'F99', triggeredBy: 'g.js', message: 'no preimage', data: Buffer.alloc(0) })
})

async function sendOne () {
  const preimage = randomBytes(32)
  const answer = IlpPacket.deserializeIlpPacket(await plugin.sendData(IlpPacket.serializeIlpPrepare({
    amount: '100',
    destination: options.destination,
    executionCondition: sha256(preimage),
    expiresAt: new Date(Date.now() + 10000),
    data: Buffer.concat([preimage, Buffer.alloc(100)])
  })))
  if (answer.type === IlpPacket.Type.TYPE_ILP_REJECT) return answer.data.code
  return answer.data.fulfillment.equals(preimage) ? 'fulfilled' : 'wrong'
}

async function main () {
  await plugin.connect()
  const server = plugin._httpServer
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  say({ port: server.address().port })
  const results = {}
  await Promise.all(Array.from({ length: options.send || 0 }, async () => {
    const result = await sendOne().catch((error) => error.message)
    results[result] = (results[result] || 0) + 1
  }))
  say({ results })
}

process.stdin.on('end', () => process.exit(0)).resume()
main().catch((error) => {
  say({ error: error.message })
  process.exit(1)
})
