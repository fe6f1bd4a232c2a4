# CIFAR-100 in data/cifar100/cifar-100-python. For images in data/cifar100/{train,test}/CLASS/ change only the
# type of the data sets, to ImageFolderDataset.
_base_ = './cifar10_cls.py'
data_root = 'data/cifar100'

train_dataloader = dict(dataset=dict(type='CIFAR100Dataset', data_root=data_root))
val_dataloader = dict(dataset=dict(type='CIFAR100Dataset', data_root=data_root))
test_dataloader = val_dataloader
