-- CreateEnum
CREATE TYPE "CommandStatus" AS ENUM ('QUEUED', 'RUNNING', 'EXITED', 'TIMED_OUT', 'CANCELLED', 'FAILED');

-- CreateEnum
CREATE TYPE "CommandTransport" AS ENUM ('AGENT', 'QEMU_GUEST_AGENT');

-- AlterTable
ALTER TABLE "GoldenImage" ADD COLUMN     "installedAt" TIMESTAMPTZ(3),
ADD COLUMN     "oemBundle" TEXT,
ADD COLUMN     "progressedAt" TIMESTAMPTZ(3),
ADD COLUMN     "startedAt" TIMESTAMPTZ(3),
ADD COLUMN     "stuck" TEXT;

-- AlterTable
ALTER TABLE "Pool" ADD COLUMN     "uniqueComputerNames" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "Vm" ADD COLUMN     "notReady" TEXT;

-- CreateTable
CREATE TABLE "Guest" (
    "machineId" UUID NOT NULL,
    "session" TEXT NOT NULL,
    "sessions" INTEGER NOT NULL DEFAULT 1,
    "agent" TEXT,
    "windows" TEXT,
    "build" TEXT,
    "computer" TEXT,
    "machineGuid" TEXT,
    "userName" TEXT,
    "ip" TEXT,
    "codePage" INTEGER,
    "clockSkewMs" INTEGER,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Guest_pkey" PRIMARY KEY ("machineId")
);

-- CreateTable
CREATE TABLE "Command" (
    "id" UUID NOT NULL,
    "turn" BIGSERIAL NOT NULL,
    "vmId" UUID NOT NULL,
    "command" TEXT NOT NULL,
    "workingDirectory" TEXT,
    "timeoutSeconds" INTEGER NOT NULL,
    "transport" "CommandTransport" NOT NULL DEFAULT 'AGENT',
    "status" "CommandStatus" NOT NULL DEFAULT 'QUEUED',
    "idempotencyKey" TEXT,
    "session" TEXT,
    "exitCode" INTEGER,
    "reason" TEXT,
    "stdoutBytes" BIGINT NOT NULL DEFAULT 0,
    "stderrBytes" BIGINT NOT NULL DEFAULT 0,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "cancelRequestedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Command_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CommandOutput" (
    "commandId" UUID NOT NULL,
    "stdout" TEXT NOT NULL DEFAULT '',
    "stderr" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "CommandOutput_pkey" PRIMARY KEY ("commandId")
);

-- CreateTable
CREATE TABLE "InstallScreenshot" (
    "goldenImageId" UUID NOT NULL,
    "takenAt" TIMESTAMPTZ(3) NOT NULL,
    "png" BYTEA NOT NULL,

    CONSTRAINT "InstallScreenshot_pkey" PRIMARY KEY ("goldenImageId")
);

-- CreateIndex
CREATE INDEX "Guest_computer_idx" ON "Guest"("computer");

-- CreateIndex
CREATE INDEX "Command_vmId_createdAt_id_idx" ON "Command"("vmId", "createdAt", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Command_vmId_idempotencyKey_key" ON "Command"("vmId", "idempotencyKey");

-- AddForeignKey
ALTER TABLE "Command" ADD CONSTRAINT "Command_vmId_fkey" FOREIGN KEY ("vmId") REFERENCES "Vm"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CommandOutput" ADD CONSTRAINT "CommandOutput_commandId_fkey" FOREIGN KEY ("commandId") REFERENCES "Command"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "InstallScreenshot" ADD CONSTRAINT "InstallScreenshot_goldenImageId_fkey" FOREIGN KEY ("goldenImageId") REFERENCES "GoldenImage"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma's schema language cannot say.

ALTER TABLE "Command"
  ADD CONSTRAINT "Command_timeout_is_positive" CHECK ("timeoutSeconds" > 0),
  ADD CONSTRAINT "Command_exited_has_code" CHECK ("status" <> 'EXITED' OR "exitCode" IS NOT NULL),
  ADD CONSTRAINT "Command_over_has_time" CHECK (("status" IN ('QUEUED', 'RUNNING')) = ("endedAt" IS NULL)),
  ADD CONSTRAINT "Command_broken_has_reason" CHECK ("status" NOT IN ('TIMED_OUT', 'CANCELLED', 'FAILED') OR "reason" IS NOT NULL);
-- What a guest that calls in is asked to do next.
CREATE INDEX "Command_live" ON "Command" ("vmId", "turn") WHERE "status" IN ('QUEUED', 'RUNNING');
