-- CreateEnum
CREATE TYPE "GoldenImageStatus" AS ENUM ('REQUESTED', 'INSTALLING', 'SEALING', 'READY', 'RETIRED', 'DELETED', 'FAILED');

-- CreateEnum
CREATE TYPE "InstallPhase" AS ENUM ('PULLING', 'DOWNLOADING', 'EXTRACTING', 'BUILDING', 'SETUP', 'CONFIGURING');

-- CreateEnum
CREATE TYPE "VmStatus" AS ENUM ('REQUESTED', 'BOOTING', 'READY', 'ASSIGNED', 'RELEASING', 'DESTROYED', 'FAILED');

-- CreateEnum
CREATE TYPE "AssignmentStatus" AS ENUM ('QUEUED', 'FULFILLED', 'ENDED');

-- CreateTable
CREATE TABLE "Deployment" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "name" TEXT NOT NULL,
    "guestSecret" TEXT NOT NULL,
    "provisioner" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Deployment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "GoldenImage" (
    "id" UUID NOT NULL,
    "vmType" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "status" "GoldenImageStatus" NOT NULL DEFAULT 'REQUESTED',
    "current" BOOLEAN NOT NULL DEFAULT false,
    "phase" "InstallPhase",
    "progress" DOUBLE PRECISION,
    "message" TEXT,
    "reason" TEXT,
    "cpuCores" INTEGER NOT NULL,
    "ramMiB" INTEGER NOT NULL,
    "diskGiB" INTEGER NOT NULL,
    "language" TEXT NOT NULL,
    "isoUrl" TEXT,
    "containerImage" TEXT,
    "containerId" TEXT,
    "port" INTEGER,
    "sizeBytes" BIGINT,
    "sha256" TEXT,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "changedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "readyAt" TIMESTAMPTZ(3),
    "cleanedAt" TIMESTAMPTZ(3),

    CONSTRAINT "GoldenImage_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Pool" (
    "vmType" TEXT NOT NULL,
    "hotSpares" INTEGER NOT NULL,
    "maxVms" INTEGER NOT NULL,
    "cpuCores" INTEGER,
    "ramMiB" INTEGER,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "retryAt" TIMESTAMPTZ(3),
    "blocked" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Pool_pkey" PRIMARY KEY ("vmType")
);

-- CreateTable
CREATE TABLE "Vm" (
    "id" UUID NOT NULL,
    "vmType" TEXT NOT NULL,
    "goldenImageId" UUID NOT NULL,
    "status" "VmStatus" NOT NULL DEFAULT 'REQUESTED',
    "hotSpare" BOOLEAN NOT NULL,
    "assignedTo" TEXT,
    "port" INTEGER,
    "containerId" TEXT,
    "cpuCores" INTEGER NOT NULL,
    "ramMiB" INTEGER NOT NULL,
    "reason" TEXT,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "changedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "readyAt" TIMESTAMPTZ(3),
    "assignedAt" TIMESTAMPTZ(3),
    "cleanedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Vm_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Assignment" (
    "id" UUID NOT NULL,
    "turn" BIGSERIAL NOT NULL,
    "vmType" TEXT NOT NULL,
    "assignedTo" TEXT NOT NULL,
    "status" "AssignmentStatus" NOT NULL DEFAULT 'QUEUED',
    "reason" TEXT,
    "vmId" UUID,
    "idempotencyKey" TEXT,
    "waitUntil" TIMESTAMPTZ(3),
    "leaseSeconds" INTEGER,
    "leaseExpiresAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "fulfilledAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Assignment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Event" (
    "seq" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" TEXT NOT NULL,
    "vmType" TEXT,
    "vmId" UUID,
    "goldenImageId" UUID,
    "assignmentId" UUID,
    "actor" TEXT NOT NULL,
    "reason" TEXT,
    "data" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "Event_pkey" PRIMARY KEY ("seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "Deployment_name_key" ON "Deployment"("name");

-- CreateIndex
CREATE INDEX "GoldenImage_status_idx" ON "GoldenImage"("status");

-- CreateIndex
CREATE UNIQUE INDEX "GoldenImage_vmType_version_key" ON "GoldenImage"("vmType", "version");

-- CreateIndex
CREATE INDEX "Vm_createdAt_id_idx" ON "Vm"("createdAt", "id");

-- CreateIndex
CREATE INDEX "Vm_goldenImageId_idx" ON "Vm"("goldenImageId");

-- CreateIndex
CREATE UNIQUE INDEX "Assignment_idempotencyKey_key" ON "Assignment"("idempotencyKey");

-- CreateIndex
CREATE INDEX "GoldenImage_createdAt_id_idx" ON "GoldenImage"("createdAt", "id");

-- CreateIndex
CREATE INDEX "Assignment_createdAt_id_idx" ON "Assignment"("createdAt", "id");

-- CreateIndex
CREATE INDEX "Assignment_vmId_idx" ON "Assignment"("vmId");

-- CreateIndex
CREATE INDEX "Event_vmId_seq_idx" ON "Event"("vmId", "seq");

-- AddForeignKey
ALTER TABLE "Vm" ADD CONSTRAINT "Vm_vmType_fkey" FOREIGN KEY ("vmType") REFERENCES "Pool"("vmType") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Vm" ADD CONSTRAINT "Vm_goldenImageId_fkey" FOREIGN KEY ("goldenImageId") REFERENCES "GoldenImage"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Assignment" ADD CONSTRAINT "Assignment_vmId_fkey" FOREIGN KEY ("vmId") REFERENCES "Vm"("id") ON DELETE SET NULL ON UPDATE CASCADE;



-- What Prisma's schema language cannot say. A live row is one that may still own a container or a disk.

ALTER TABLE "Deployment" ADD CONSTRAINT "Deployment_one_row" CHECK ("id" = 1);

ALTER TABLE "GoldenImage"
  ADD CONSTRAINT "GoldenImage_progress_is_a_fraction" CHECK ("progress" BETWEEN 0 AND 1),
  ADD CONSTRAINT "GoldenImage_current_is_ready" CHECK (NOT "current" OR "status" = 'READY'),
  ADD CONSTRAINT "GoldenImage_failed_has_reason" CHECK ("status" <> 'FAILED' OR "reason" IS NOT NULL),
  ADD CONSTRAINT "GoldenImage_ready_has_size" CHECK ("status" NOT IN ('READY', 'RETIRED') OR "sizeBytes" IS NOT NULL),
  ADD CONSTRAINT "GoldenImage_cleaned_has_no_port" CHECK ("cleanedAt" IS NULL OR "port" IS NULL),
  ADD CONSTRAINT "GoldenImage_sizes" CHECK ("cpuCores" > 0 AND "ramMiB" > 0 AND "diskGiB" > 0 AND "version" > 0);
CREATE UNIQUE INDEX "GoldenImage_one_current_per_vmType" ON "GoldenImage" ("vmType") WHERE "current";
CREATE UNIQUE INDEX "GoldenImage_one_live_per_port" ON "GoldenImage" ("port") WHERE "port" IS NOT NULL;

ALTER TABLE "Pool"
  ADD CONSTRAINT "Pool_counts" CHECK ("hotSpares" BETWEEN 0 AND "maxVms" AND "failures" >= 0);

ALTER TABLE "Vm"
  ADD CONSTRAINT "Vm_assigned_has_assignee" CHECK ("status" <> 'ASSIGNED' OR ("assignedTo" IS NOT NULL AND "assignedAt" IS NOT NULL)),
  ADD CONSTRAINT "Vm_failed_has_reason" CHECK ("status" <> 'FAILED' OR "reason" IS NOT NULL),
  ADD CONSTRAINT "Vm_destroyed_is_cleaned" CHECK ("status" <> 'DESTROYED' OR "cleanedAt" IS NOT NULL),
  ADD CONSTRAINT "Vm_cleaned_has_no_port" CHECK ("cleanedAt" IS NULL OR "port" IS NULL),
  ADD CONSTRAINT "Vm_cleaned_is_over" CHECK ("cleanedAt" IS NULL OR "status" IN ('DESTROYED', 'FAILED'));
CREATE UNIQUE INDEX "Vm_one_live_per_port" ON "Vm" ("port") WHERE "port" IS NOT NULL;
-- The claim walks this index from the longest-ready spare on.
CREATE INDEX "Vm_ready_spares" ON "Vm" ("vmType", "readyAt") WHERE "status" = 'READY' AND "hotSpare";
CREATE INDEX "Vm_live" ON "Vm" ("vmType", "status") WHERE "cleanedAt" IS NULL;

ALTER TABLE "Assignment"
  ADD CONSTRAINT "Assignment_fulfilled_has_vm" CHECK ("status" <> 'FULFILLED' OR ("vmId" IS NOT NULL AND "fulfilledAt" IS NOT NULL)),
  ADD CONSTRAINT "Assignment_ended_has_reason" CHECK ("status" <> 'ENDED' OR ("reason" IS NOT NULL AND "endedAt" IS NOT NULL)),
  ADD CONSTRAINT "Assignment_lease_is_positive" CHECK ("leaseSeconds" > 0),
  ADD CONSTRAINT "Assignment_assignedTo_is_said" CHECK ("assignedTo" <> '');
CREATE UNIQUE INDEX "Assignment_one_per_live_vm" ON "Assignment" ("vmId") WHERE "status" = 'FULFILLED';
-- First in, first out.
CREATE INDEX "Assignment_queue" ON "Assignment" ("vmType", "turn") WHERE "status" = 'QUEUED';
CREATE INDEX "Assignment_leases" ON "Assignment" ("leaseExpiresAt") WHERE "status" = 'FULFILLED' AND "leaseExpiresAt" IS NOT NULL;
CREATE INDEX "Assignment_waits" ON "Assignment" ("waitUntil") WHERE "status" = 'QUEUED' AND "waitUntil" IS NOT NULL;
