/** A mail server that takes everything and keeps nothing: smtp-sink where it is installed, else this file as a child. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export type Sink = AsyncDisposable & { name: string; port: number }

const ownFile = fileURLToPath(import.meta.url)

export async function startSink(): Promise<Sink> {
  const port = await freePort()
  const hasSmtpSink = isInstalled('smtp-sink')
  const child = hasSmtpSink
    ? spawn('smtp-sink', ['-u', 'nobody', '-m', '1000', `127.0.0.1:${port}`, '1000'], { stdio: 'ignore' })
    : spawn(process.execPath, [ownFile, String(port)], { stdio: 'ignore' })
  await answers(port)
  return { name: hasSmtpSink ? 'smtp-sink' : 'own sink', port, [Symbol.asyncDispose]: () => end(child) }
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** An address that never answers: its process stands still, and the queue of its listener is full. */
export async function startSilence(port: number, address: string): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [ownFile, String(port), address, '1'], { stdio: 'ignore' })
  const held: Socket[] = []
  await answers(port, address)
  child.kill('SIGSTOP')
  for (let n = 0; n < 20; n++) {
    const socket = connect(port, address)
    socket.on('error', () => undefined)
    held.push(socket)
  }
  await sleep(200)
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of held) socket.destroy()
      await end(child)
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  await once(server, 'close')
  return port
}

async function answers(port: number, address = '127.0.0.1'): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, address)
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
      setTimeout(() => socket.destroy(), 500).unref()
    })
    if (isThere) return
    await sleep(50)
  }
  throw new Error(`nobody listens on ${address}:${port}`)
}

function serve(port: number, address: string, backlog: number): void {
  const server = createServer((socket) => {
    let held = ''
    let isData = false
    socket.setEncoding('latin1').on('error', () => undefined)
    socket.write('220 sink.example ESMTP\r\n')
    socket.on('data', (text: string) => {
      held += text
      let out = ''
      for (;;) {
        const mark = isData ? '\r\n.\r\n' : '\r\n'
        const at = held.indexOf(mark)
        if (at < 0) break
        const line = held.slice(0, at).toUpperCase()
        held = held.slice(at + mark.length)
        out += isData ? '250 2.0.0 OK\r\n' : replyTo(line)
        isData = !isData && line === 'DATA'
      }
      if (out !== '') socket.write(out)
    })
  })
  server.listen({ port, host: address, backlog })
}

function replyTo(line: string): string {
  if (line.startsWith('EHLO')) return '250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n'
  if (line === 'DATA') return '354 Go ahead\r\n'
  return '250 2.0.0 OK\r\n'
}

const [, file, port, address = '127.0.0.1', backlog = '511'] = process.argv
if (file === ownFile && port !== undefined) serve(Number(port), address, Number(backlog))
