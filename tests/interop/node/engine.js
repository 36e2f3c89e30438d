// A settlement engine built on ilp-settlement-core: its HTTP, its Redis, and a ledger of ours.
//
// The ledger is a list in the same Redis, so that a payment and its removal from the engine's queue
// are one step: whatever is killed, the engine pays each order once. Options come as JSON in argv[2]:
// port, connectorUrl, redis (URL), account (ours for the peer), pays and receives (ledger lists).
// A line {"message": ...} on stdin goes to the peer's engine; its answer is printed.
const { randomUUID } = require('crypto')
const readline = require('readline')
const { BigNumber } = require('bignumber.js')
const Redis = require('ioredis')
const { connectRedis, startServer } = require('ilp-settlement-core')

const options = JSON.parse(process.argv[2])
const client = new Redis(options.redis)
const say = what => process.stdout.write(JSON.stringify(what) + '\n')
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const PAY = `
  local paid = 0
  while true do
    local amount = redis.call('RPOP', KEYS[1])
    if not amount then return paid end
    local entry = ARGV[1] .. '-' .. paid .. ' ' .. amount
    redis.call('LPUSH', KEYS[2], entry)
    redis.call('LPUSH', KEYS[2] .. ':log', entry)
    paid = paid + 1
  end`

const pay = async account => {
  await client.eval(PAY, 2, `accounts:${account}:queued-settlements`, options.pays, randomUUID())
  return new BigNumber(0) // nothing is left for the framework to pay
}

// What the peer paid us, reported under the payment's own id until the connector has it.
const receive = async (store, services) => {
  for (;;) {
    const entry = await client.lindex(options.receives, -1)
    if (entry && (await store.isExistingAccount(options.account))) {
      const [id, amount] = entry.split(' ')
      await services.creditSettlement(options.account, new BigNumber(amount), id)
      await client.lrem(options.receives, -1, entry)
    } else {
      await sleep(10)
    }
  }
}

const main = async () => {
  const store = { ...(await connectRedis({ client })), loadAmountToSettle: pay }
  await pay(options.account) // what was queued when the last process died
  const createEngine = async services => {
    receive(store, services)
    readline.createInterface({ input: process.stdin }).on('line', async line => {
      try {
        say({ answer: await services.sendMessage(options.account, JSON.parse(line).message) })
      } catch (error) {
        say({ error: error.response ? error.response.status : error.message })
      }
    })
    return {
      handleMessage: async (account, message) => ({ account, heard: message }),
      settle: async () => new BigNumber(0)
    }
  }
  await startServer(createEngine, store, options)
  say({ listening: options.port })
}

main()
